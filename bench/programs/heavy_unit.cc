// SPDX-License-Identifier: Apache-2.0
// A translation unit that keeps a compiler busy: most of the standard library's headers, and templates over
// them. It is compiled by the benches and by scripts/demo under a profiler, never linked.
#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <chrono>
#include <complex>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <regex>
#include <set>
#include <shared_mutex>
#include <sstream>
#include <stack>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

namespace {

template <int N>
struct Tagged {
  std::map<int, std::string> names;
  std::unordered_map<std::string, std::vector<Tagged<N - 1>>> children;
  std::variant<int, std::string, std::vector<double>, std::shared_ptr<Tagged<N - 1>>> value;
  std::function<std::string(const Tagged<N - 1>&, std::array<int, N>)> print;

  std::string Show() const {
    std::ostringstream out;
    for (const auto& [id, name] : names) out << std::setw(N) << id << name;
    for (const auto& [name, list] : children) {
      for (const auto& child : list) out << name << child.Show();
    }
    std::visit([&out](const auto& v) { out << sizeof(v); }, value);
    return std::regex_replace(out.str(), std::regex("a+b*" + std::to_string(N)), "$1");
  }
};

template <>
struct Tagged<0> {
  std::string Show() const { return "leaf"; }
};

template <size_t... I>
size_t SortAll(std::index_sequence<I...>) {
  size_t total = 0;
  const auto one = [&total](auto tag) {
    std::vector<std::tuple<std::array<char, decltype(tag)::value + 1>, std::string>> rows(10);
    std::stable_sort(rows.begin(), rows.end());
    std::set<std::pair<std::array<char, decltype(tag)::value + 1>, int>> unique;
    for (const auto& row : rows) unique.insert({std::get<0>(row), 1});
    total += unique.size() + rows.size();
  };
  (one(std::integral_constant<size_t, I>{}), ...);
  return total;
}

}  // namespace

std::string Heavy() { return Tagged<2>{}.Show() + std::to_string(SortAll(std::make_index_sequence<3>{})); }
