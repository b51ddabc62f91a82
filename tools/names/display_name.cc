// SPDX-License-Identifier: Apache-2.0
#include "tools/names/display_name.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tools/names/default_arguments.h"

namespace heapprof::tools {
namespace {

// Longer names are no names for people, deeper ones no compiler's.
constexpr size_t kMaxName = 1 << 16;
constexpr int kMaxDepth = 48;

constexpr std::string_view kAnonymous = "(anonymous namespace)";

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

enum class Form { kDisplay, kSignature, kBare };

// Reads a name once from the left. `failed` stands for whatever is not as a demangler writes it.
class NameReader {
 public:
  // `nested`: how many names it stands in.
  NameReader(std::string_view text, Form form, int nested) : text_(text), form_(form), nested_(nested) {}

  // The function's name; false where the text is none of C++'s.
  bool Function(std::string* out);

 private:
  // What a name has read of itself so far.
  struct Part {
    std::string text;
    size_t scope = 0;         // where the last component begins
    std::string alias, real;  // a class that got a short name: its constructors get it, too
  };

  bool At(std::string_view piece) const { return !AtEnd() && text_.substr(at_, piece.size()) == piece; }
  bool AtEnd() const { return at_ >= text_.size(); }
  bool Fail() {
    failed_ = true;
    return false;
  }

  // One piece of a type or a name that is not particular to functions; false where none begins here.
  bool Piece(Part* part, int depth);
  void Identifier(Part* part);
  bool Operator(Part* part);
  void Arguments(Part* part, int depth);
  void Lambda(Part* part);
  std::string Group(char open, char close, int depth);
  // A type, or any other template argument, up to a comma or a bracket that closes.
  std::string Type(int depth);
  void Qualifiers();
  bool Suffix(Part* part);
  size_t EndOfGroup(size_t from, char open, char close) const;

  std::string_view text_;
  Form form_;
  int nested_;
  size_t at_ = 0;
  bool failed_ = false;
};

size_t NameReader::EndOfGroup(size_t from, char open, char close) const {
  int depth = 0;
  for (size_t i = from; i < text_.size(); ++i) {
    if (text_[i] == open) ++depth;
    if (text_[i] == close && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

// "{lambda(int)#2}" becomes "{lambda#2}"; "{unnamed type#1}" and what else stands in braces stays.
void NameReader::Lambda(Part* part) {
  const size_t end = EndOfGroup(at_, '{', '}');
  if (end == std::string_view::npos) {
    Fail();
    return;
  }
  const std::string_view braces = text_.substr(at_, end - at_);
  const size_t number = braces.rfind('#');
  constexpr std::string_view kLambda = "{lambda";
  if (braces.substr(0, kLambda.size()) == kLambda && number != std::string_view::npos) {
    part->text += std::string(kLambda) + std::string(braces.substr(number));
  } else {
    part->text += braces;
  }
  at_ = end;
}

void NameReader::Identifier(Part* part) {
  const size_t begin = at_;
  while (!AtEnd() && IsLetter(text_[at_])) ++at_;
  std::string_view name = text_.substr(begin, at_ - begin);
  const std::string_view inside = std::string_view(part->text).substr(part->scope);
  if (At("::") && IsInlineNamespace(inside, name)) {
    at_ += 2;
    return;
  }
  // clang's name of a lambda that no other unit sees.
  constexpr std::string_view kLocalLambda = "$_";
  if (name.size() > 2 && name.substr(0, 2) == kLocalLambda &&
      name.find_first_not_of("0123456789", 2) == std::string_view::npos && name.size() < 9) {
    part->text += "{lambda#" + std::to_string(std::stoul(std::string(name.substr(2))) + 1) + "}";
    return;
  }
  part->text += !part->real.empty() && name == part->real ? std::string_view(part->alias) : name;
}

// An operator's name with its sign; false where "operator" only begins a longer word.
bool NameReader::Operator(Part* part) {
  constexpr std::string_view kWord = "operator";
  if (!At(kWord) || (!part->text.empty() && IsLetter(part->text.back()))) return false;
  const size_t sign_at = at_ + kWord.size();
  if (sign_at < text_.size() && IsLetter(text_[sign_at])) return false;
  static constexpr std::array<std::string_view, 32> kSigns = {
      "()", "[]", "<=>", "<<=", ">>=", "->*", "->", "<<", ">>", "<=", ">=", "==", "!=",    "&&", "||", "++",
      "--", "+=", "-=",  "*=",  "/=",  "%=",  "&=", "|=", "^=", "<",  ">",  ",",  "\"\" ", "=",  "~",  "!"};
  part->text += kWord;
  at_ = sign_at;
  for (const std::string_view sign : kSigns) {
    if (!At(sign)) continue;
    part->text += sign;
    at_ += sign.size();
    // Before arguments stands a blank: "operator< <int>".
    if (At(" <")) ++at_;
    return true;
  }
  static constexpr std::array<std::string_view, 5> kWords = {" new[]", " new", " delete[]", " delete",
                                                             " co_await"};
  for (const std::string_view word : kWords) {
    if (!At(word)) continue;
    part->text += word;
    at_ += word.size();
    return true;
  }
  if (At(" ")) {  // a conversion: the type, up to the parameters
    part->text += ' ';
    ++at_;
    while (!AtEnd() && !At("(") && !failed_) {
      if (!Piece(part, 1)) part->text += text_[at_++];
    }
    return true;
  }
  while (!AtEnd() && std::string_view("+-*/%^&|").find(text_[at_]) != std::string_view::npos) {
    part->text += text_[at_++];
  }
  return true;
}

void NameReader::Arguments(Part* part, int depth) {
  std::vector<std::string> arguments;
  ++at_;  // '<'
  while (!failed_) {
    arguments.push_back(Type(depth + 1));
    if (At(", ")) {
      at_ += 2;
    } else if (At(",")) {
      ++at_;
    } else if (At(">")) {
      ++at_;
      break;
    } else {
      Fail();
      return;
    }
  }
  if (form_ == Form::kBare) return;
  size_t begin = part->text.size();
  while (begin > 0 && (IsLetter(part->text[begin - 1]) || part->text[begin - 1] == ':')) --begin;
  const std::string name = part->text.substr(begin);
  DropDefaultArguments(name, &arguments);
  const std::string alias = AliasOf(name, arguments);
  if (!alias.empty()) {
    const auto last = [](const std::string& path) { return path.substr(path.rfind(':') + 1); };
    part->real = last(name);
    part->alias = last(alias);
    part->text.replace(begin, std::string::npos, alias);
    return;
  }
  part->text += '<';
  for (size_t i = 0; i < arguments.size(); ++i) part->text += (i == 0 ? "" : ", ") + arguments[i];
  part->text += '>';
}

std::string NameReader::Group(char open, char close, int depth) {
  std::string out(1, open);
  ++at_;
  while (!failed_ && !AtEnd() && text_[at_] != close) {
    out += Type(depth + 1);
    if (At(",")) {
      out += ',';
      ++at_;
    } else if (!AtEnd() && text_[at_] != close) {
      Fail();
    }
  }
  if (AtEnd()) {
    Fail();
  } else {
    ++at_;
  }
  return out + close;
}

bool NameReader::Piece(Part* part, int depth) {
  if (depth > kMaxDepth || AtEnd()) {
    Fail();
    return true;
  }
  const char c = text_[at_];
  if (At(kAnonymous)) {
    part->text += kAnonymous;
    at_ += kAnonymous.size();
  } else if (Operator(part)) {
  } else if (At("<lambda(") || At("<lambda>")) {  // gcc's name of a lambda, in DWARF
    const size_t close = text_.find(")>", at_);
    at_ = At("<lambda>") ? at_ + 8 : close == std::string_view::npos ? text_.size() : close + 2;
    part->text += "{lambda}";
  } else if (c == '<') {
    const bool is_template =
        !part->text.empty() && (IsLetter(part->text.back()) || part->text.back() == '}' ||
                                part->text.find("operator") != std::string::npos);
    if (is_template) {
      Arguments(part, depth);
    } else {
      part->text += Group('<', '>', depth);
    }
  } else if (c == '{') {
    Lambda(part);
  } else if (At("[abi:")) {
    const size_t end = text_.find(']', at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
  } else if (At("::")) {
    part->text += "::";
    at_ += 2;
    // "std::" is one component's worth of scope for what follows.
    const size_t colons = part->text.size() - 2;
    size_t begin = colons;
    while (begin > 0 && IsLetter(part->text[begin - 1])) --begin;
    part->scope = begin;
  } else if (IsLetter(c)) {
    const size_t before = part->text.size();
    if (before > 0 && part->text[before - 1] != ':') part->scope = before;
    Identifier(part);
  } else {
    return false;
  }
  return true;
}

std::string NameReader::Type(int depth) {
  Part part;
  if (depth > kMaxDepth) Fail();
  while (!failed_ && !AtEnd()) {
    const char c = text_[at_];
    if (c == ',' || c == '>' || c == ')') break;
    if (At("->")) {
      part.text += "->";
      at_ += 2;
    } else if (c == '(' && !At(kAnonymous)) {
      std::string group = Group('(', ')', depth);
      // Parameters of a function in which a local class or a lambda stands say nothing here.
      const size_t after = at_;
      Qualifiers();
      if (At("::")) continue;
      at_ = after;
      part.text += group;
    } else if (!Piece(&part, depth)) {
      // "T >" closes two lists.
      if (c == ' ' && at_ + 1 < text_.size() && text_[at_ + 1] == '>') {
        ++at_;
        continue;
      }
      part.text += c;
      ++at_;
    }
  }
  return part.text;
}

void NameReader::Qualifiers() {
  static constexpr std::array<std::string_view, 7> kWords = {" const", " volatile", " noexcept", " restrict",
                                                             " &&",    " &",        "&"};
  for (bool any = true; any;) {
    any = false;
    for (const std::string_view word : kWords) {
      if (!At(word)) continue;
      at_ += word.size();
      any = true;
    }
    if (At("[abi:")) {
      const size_t end = text_.find(']', at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 1;
      any = true;
    }
  }
}

// What a compiler appended: " (.cold)", " [clone .part.0]". Parts of coroutines have names of their own.
bool NameReader::Suffix(Part* part) {
  const std::string_view rest = text_.substr(std::min(at_, text_.size()));
  if (rest.substr(0, 3) != " (." && rest.substr(0, 8) != " [clone ") return false;
  struct Step {
    std::string_view mark, shown;
  };
  static constexpr std::array<Step, 4> kSteps = {{{".resume", " (resume)"},
                                                  {".actor", " (resume)"},
                                                  {".destroy", " (destroy)"},
                                                  {".cleanup", " (destroy)"}}};
  for (const Step& step : kSteps) {
    if (form_ == Form::kBare || rest.find(step.mark) == std::string_view::npos) continue;
    part->text += step.shown;
    break;
  }
  at_ = text_.size();
  return true;
}

bool NameReader::Function(std::string* out) {
  Part part;
  size_t begin = 0;  // behind the return type
  bool has_parameters = false;
  while (!failed_ && !AtEnd()) {
    const char c = text_[at_];
    if (c == '(' && !At(kAnonymous)) {
      if (part.text.size() >= 9 && part.text.compare(part.text.size() - 9, 9, "decltype ") == 0) {
        // An expression in a return type, which goes.
        at_ = EndOfGroup(at_, '(', ')');
        if (at_ == std::string_view::npos) return false;
        continue;
      }
      const bool is_wrapped = At("(&") || At("(*");
      if (is_wrapped && begin > 0 && begin == part.text.size()) {
        // "char (&f<int>(int)) [2]": the function stands inside of its return type.
        const size_t end = EndOfGroup(at_, '(', ')'), start = text_.find_first_not_of("(&*", at_);
        if (end == std::string_view::npos || start >= end || nested_ == kMaxDepth) return false;
        return NameReader(text_.substr(start, end - 1 - start), form_, nested_ + 1).Function(out);
      }
      if (At("(.") && Suffix(&part)) continue;
      const std::string group = Group('(', ')', 0);
      const size_t after = at_;
      Qualifiers();
      if (At("::")) continue;  // what stands in this function
      const std::string qualifiers(text_.substr(after, at_ - after));
      has_parameters = true;
      if (form_ == Form::kSignature) part.text += group + (qualifiers == " const" ? qualifiers : "");
      if (!AtEnd() && !Suffix(&part)) return false;
    } else if (c == ' ') {
      if (Suffix(&part)) continue;
      if (At(" as ")) return false;  // of Rust
      part.text += ' ';
      ++at_;
      begin = part.text.size();
      part.scope = begin;
      part.real.clear();
    } else if (!Piece(&part, 0)) {
      part.text += c;
      ++at_;
    }
  }
  if (failed_) return false;
  *out = part.text.substr(has_parameters ? begin : 0);
  constexpr std::string_view kCall = "}::operator()";
  const size_t call = out->rfind(kCall);
  const bool of_lambda = call != std::string::npos && out->rfind("{lambda", call) == out->rfind('{', call);
  if (of_lambda && form_ != Form::kBare) out->erase(call + 1, kCall.size() - 1);
  return !out->empty();
}

std::string Read(std::string_view whole, Form form) {
  if (whole.size() > kMaxName) return std::string(whole);
  if (whole.find_first_of("<([{ $") == std::string_view::npos) return std::string(WithoutCloneSuffix(whole));
  std::string out;
  // Rust's paths of implementations are no types of C++.
  if (whole[0] != '<' && NameReader(whole, form, 0).Function(&out)) return out;
  return std::string(whole);
}

}  // namespace

std::string DisplayName(std::string_view whole) { return Read(whole, Form::kDisplay); }
std::string DisplaySignature(std::string_view whole) { return Read(whole, Form::kSignature); }
std::string BareName(std::string_view whole) { return Read(whole, Form::kBare); }

bool IsLambda(std::string_view display_name) {
  const size_t brace = display_name.rfind("{lambda");
  return brace != std::string_view::npos && display_name.find("::", brace) == std::string_view::npos;
}

}  // namespace heapprof::tools
