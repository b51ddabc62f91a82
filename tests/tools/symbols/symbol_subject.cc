// SPDX-License-Identifier: Apache-2.0
// Code with many functions, inlined into each other, templates and cold parts: what the tests of symbolizing
// ask for by address.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace subject {
namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual double Area() const = 0;
};

template <int kSides>
struct Polygon : Shape {
  explicit Polygon(double length) : length_(length) {
    if (length < 0) throw std::invalid_argument("length " + std::to_string(length));
  }
  double Area() const override { return length_ * length_ * kSides / 4; }
  double length_;
};

template <typename Map>
int Count(const std::string& text) {
  Map words;
  std::istringstream in(text);
  for (std::string word; in >> word;) ++words[word];
  return std::accumulate(words.begin(), words.end(), 0,
                         [](int sum, const auto& pair) { return sum + pair.second * 2; });
}

}  // namespace

double Areas(int count) {
  std::vector<std::unique_ptr<Shape>> shapes;
  for (int i = 0; i < count; ++i) {
    if (i % 3 == 0) shapes.push_back(std::make_unique<Polygon<3>>(i));
    if (i % 3 == 1) shapes.push_back(std::make_unique<Polygon<4>>(i));
    if (i % 3 == 2) shapes.push_back(std::make_unique<Polygon<5>>(i - 7));
  }
  std::sort(shapes.begin(), shapes.end(), [](const auto& a, const auto& b) { return a->Area() < b->Area(); });
  double sum = 0;
  for (const auto& shape : shapes) sum += shape->Area();
  return sum;
}

int Words(const std::string& text) {
  return Count<std::map<std::string, int>>(text) + Count<std::unordered_map<std::string, int>>(text);
}

bool Matches(const std::string& text) { return std::regex_search(text, std::regex("a+(b|c)*[d-f]{2,3}$")); }

std::string Show(const std::variant<int, double, std::string>& value) {
  return std::visit(
      [](const auto& held) {
        std::ostringstream out;
        out << held;
        return out.str();
      },
      value);
}

}  // namespace subject

extern "C" int subject_plain_c(int n) {
  std::function<int(int)> fibonacci = [&](int i) { return i < 2 ? i : fibonacci(i - 1) + fibonacci(i - 2); };
  return fibonacci(n);
}
