// SPDX-License-Identifier: Apache-2.0
// The shop of docs/reading.md: it keeps every order, caches pages, writes bills, and loses quotes.
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Order {
  int id;
  std::string note;
  std::vector<int> items;
};

class Book {
 public:
  // Nobody ever takes an order out again.
  void Place(int id) {
    auto order = std::make_unique<Order>();
    order->id = id;
    order->note.assign(200, '.');
    for (int item = 0; item < 40; ++item) order->items.push_back(item);
    orders_.push_back(std::move(order));
  }

 private:
  std::vector<std::unique_ptr<Order>> orders_;
};

class Pages {
 public:
  const std::string& Show(int id) {
    auto page = [](int number) { return "page " + std::to_string(number) + std::string(20000, ' '); };
    const auto [found, is_new] = pages_.try_emplace(id % 100);
    if (is_new) found->second = page(id);
    return found->second;
  }

 private:
  std::map<int, std::string> pages_;
};

// Freed at once: seen in what was allocated, not in what is in use.
size_t Bill(int id) {
  std::string bill;
  for (int line = 0; line < 50; ++line)
    bill += "line " + std::to_string(line) + " of " + std::to_string(id) + "\n";
  return bill.size();
}

int* quote;

// The quote before is lost.
int Price(int id) {
  quote = new int[16];
  quote[0] = id;
  return quote[0] % 7;
}

Book* book;
Pages* pages;

void Serve(int id) {
  pages->Show(id);
  if (Bill(id) > 0 && Price(id) >= 0) book->Place(id);
}

int main(int argc, char**) {
  book = new Book;
  pages = new Pages;
  for (int day = 0; day < 3; ++day) {
    for (int i = 0; i < 10000; ++i) Serve(10000 * day + i);
    if (argc > 1) std::raise(SIGUSR2);  // a profile in the evening
  }
}
