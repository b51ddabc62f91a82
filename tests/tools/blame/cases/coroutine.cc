// SPDX-License-Identifier: Apache-2.0
// A coroutine that holds what it read between its steps.
#include <coroutine>
#include <exception>
#include <string>
#include <vector>

struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Task ReadLines(int count) {
  std::vector<std::string> lines;
  for (int i = 0; i < count; ++i) {
    lines.emplace_back(1000, 'x');
    co_await std::suspend_always{};
  }
}

int main() {
  // Not destroyed: the profile is made when the program ends.
  const Task task = ReadLines(4000);
  for (int i = 0; i < 4000; ++i) task.handle.resume();
  return task.handle.done() ? 1 : 0;
}
