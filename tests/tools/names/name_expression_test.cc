// SPDX-License-Identifier: Apache-2.0
// Which functions an expression means.
#include "tools/names/name_expression.h"

#include <gtest/gtest.h>

namespace heapprof::tools {
namespace {

struct Case {
  const char* expression;
  const char* whole;
  bool named;
};

constexpr const char* kManager =
    "std::_Function_base::_Base_manager<Enqueue(int)::<lambda()> >::_M_create<Enqueue(int)::<lambda()> >";
constexpr const char* kVector =
    "void std::vector<std::function<Result(int)>, std::allocator<std::function<Result(int)> > "
    ">::emplace_back<Enqueue(int)::{lambda()#1}>(Enqueue(int)::{lambda()#1}&&)";

TEST(NameExpression, NamesFunctionsByWhatIsTheirOwn) {
  for (const Case& one : {
           Case{"Enqueue", "Enqueue(int)", true},
           Case{"Enqueue", kManager, false},
           Case{"Enqueue|Subscribe", kVector, false},
           Case{"Result", kVector, false},
           Case{"emplace_back", kVector, true},
           Case{"^std::vector::emplace_back$", kVector, true},
           Case{"vector<std::function<Result", kVector, true},
           Case{"_M_create<Enqueue", kManager, true},
           Case{"Enqueue", "Enqueue(int)::<lambda()>", true},
           Case{"Enqueue::{lambda#1}$", "Enqueue(int)::{lambda()#1}::operator()() const", true},
           Case{"Row", "Row* make<Row>(int)", false},
           Case{"^Row\\* make<Row>\\(int\\)$", "Row* make<Row>(int)", true},
           Case{"Row", "make(Row const&)", false},
           Case{"^Price$", "Price(Book const&, int)", true},
           Case{"^Price\\(Book const&\\)$", "Price(Book const&)", true},
           Case{"Book::Place$", "Book::Place(int)", true},
           Case{"std::string::_M_mutate$",
                "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> "
                ">::_M_mutate(unsigned "
                "long, unsigned long, char const*, unsigned long)",
                true},
           Case{"char_traits",
                "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> "
                ">::_M_mutate(int)",
                false},
           Case{"anonymous", "(anonymous namespace)::Make(int)", true},
           Case{"^operator new", "operator new(unsigned long)", true},
           Case{"operator<<", "std::ostream& operator<< <char>(std::ostream&, char)", true},
           Case{"operator", "Key::operator unsigned int() const", true},
           Case{"operator", "Call<Key::operator->()>(int)", false},
           Case{"swap", "<Foo as Bar>::swap", true},
           Case{"{", "main::{lambda(int)#1}::operator()(int) const", true},
           Case{".", "f(int)", true},
           Case{"", "f(int)", true},
       }) {
    EXPECT_EQ(NameExpression(one.expression, "REGEX").Names(one.whole), one.named)
        << one.expression << " in " << one.whole;
  }
}

TEST(NameExpression, FiltersLookIntoTheWholeNameAndTheShownOne) {
  const auto found = [](const char* expression, const char* whole) {
    return NameExpression(expression, "--focus").FoundIn(whole);
  };
  EXPECT_TRUE(found("Enqueue", kManager));
  EXPECT_TRUE(found("^void std::vector", kVector));
  EXPECT_TRUE(found("^std::vector<std::function<Result", kVector));
  EXPECT_TRUE(found("^std::vector::emplace_back$", kVector));
  EXPECT_TRUE(found("^Price$", "Price(int)"));
  EXPECT_FALSE(found("^rice", "Price(int)"));
}

TEST(NameExpression, BracketsThatDoNotMatchDoNoHarm) {
  const NameExpression wanted("x", "REGEX");
  for (const char* name :
       {">", "x>", ")", ">>x<", "<", "<<<x", "((((", "x(", "operator", "operator<x", "->x", "<lambda"}) {
    wanted.Names(name);
    wanted.FoundIn(name);
  }
}

}  // namespace
}  // namespace heapprof::tools
