// SPDX-License-Identifier: Apache-2.0
// A parser of the grammar by recursive descent that writes while it reads. What it is to read only (the paths
// of impl blocks) it reads with writing switched off.
#include <cstdint>
#include <cstdlib>

#include "tools/symbols/punycode.h"
#include "tools/symbols/rust_names.h"
#include "tools/symbols/rust_words.h"

namespace heapprof::tools {
namespace {

constexpr int kMaxDepth = 300;
constexpr size_t kMaxOutput = 1 << 16;  // references back may double it at each step
constexpr int kMaxSteps = 1 << 16;      // and what is read without being written

class V0 {
 public:
  explicit V0(std::string_view text) : text_(text) {}

  std::string Symbol() {
    Path(true);
    if (ok_ && Peek() >= 'A' && Peek() <= 'Z') {  // the crate that asked for this instance
      silent_ = true;
      Path(false);
    }
    return ok_ && at_ == text_.size() ? out_ : "";
  }

 private:
  // A level of the recursion.
  class Level {
   public:
    explicit Level(V0* parser) : parser_(parser) {
      if (++parser_->depth_ > kMaxDepth || ++parser_->steps_ > kMaxSteps) parser_->ok_ = false;
    }
    ~Level() { --parser_->depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    V0* parser_;
  };

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Eat(char c) {
    if (!ok_ || Peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  char Next() {
    if (at_ >= text_.size()) return Fail(), '\0';
    return text_[at_++];
  }
  void Fail() { ok_ = false; }
  void Write(std::string_view text) {
    if (silent_ || !ok_) return;
    out_ += text;
    if (out_.size() > kMaxOutput) Fail();
  }

  // base-62-number: "_" is 0, "0_" is 1.
  uint64_t Base62() {
    if (Eat('_')) return 0;
    uint64_t value = 0;
    while (ok_ && !Eat('_')) {
      const char c = Next();
      uint64_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<uint64_t>(c - '0');
      } else if (c >= 'a' && c <= 'z') {
        digit = static_cast<uint64_t>(c - 'a') + 10;
      } else if (c >= 'A' && c <= 'Z') {
        digit = static_cast<uint64_t>(c - 'A') + 36;
      } else {
        Fail();
      }
      if (value > (UINT64_MAX - digit - 1) / 62) Fail();
      value = value * 62 + digit;
    }
    return value + 1;
  }
  // 0: there is none.
  uint64_t Optional62(char tag) { return Eat(tag) ? Base62() + 1 : 0; }
  uint64_t Disambiguator() { return Optional62('s'); }

  // undisambiguated-identifier, in UTF-8.
  std::string Identifier() {
    const bool is_puny = Eat('u');
    size_t size = 0;
    if (!Eat('0')) {
      if (Peek() < '1' || Peek() > '9') Fail();
      while (ok_ && Peek() >= '0' && Peek() <= '9') {
        size = size * 10 + static_cast<size_t>(Next() - '0');
        if (size > text_.size()) Fail();
      }
    }
    Eat('_');
    if (!ok_ || size > text_.size() - at_) return Fail(), "";
    const std::string_view bytes = text_.substr(at_, size);
    at_ += size;
    if (!is_puny) return std::string(bytes);
    const std::string name = DecodePunycode(bytes);
    return name.empty() ? "punycode{" + std::string(bytes) + "}" : name;
  }

  // Goes on reading at an earlier place of the symbol.
  template <typename Read>
  void Reference(Read read) {
    const size_t tag = at_ - 1;
    const uint64_t target = Base62();
    if (!ok_ || target >= tag) return Fail();
    if (silent_) return;
    const size_t after = at_;
    at_ = target;
    read();
    at_ = after;
  }

  void Path(bool is_value) {
    const Level level(this);
    if (!ok_) return;
    const char tag = Next();
    switch (tag) {
      case 'C':
        Disambiguator();
        return Write(Identifier());
      case 'N':
        return Nested(is_value);
      case 'M':
      case 'X':
        ImplPath();
        [[fallthrough]];
      case 'Y':
        Write("<");
        Type();
        if (tag != 'M') {
          Write(" as ");
          Path(false);
        }
        return Write(">");
      case 'I':
        Path(is_value);
        if (is_value) Write("::");
        Write("<");
        GenericArguments();
        return Write(">");
      case 'B':
        return Reference([this, is_value] { Path(is_value); });
      default:
        return Fail();
    }
  }

  void ImplPath() {
    Disambiguator();
    const bool was_silent = silent_;
    silent_ = true;
    Path(false);
    silent_ = was_silent;
  }

  void Nested(bool is_value) {
    const char space = Next();
    const bool is_special = space >= 'A' && space <= 'Z';
    if (!is_special && (space < 'a' || space > 'z')) return Fail();
    Path(is_value);
    const uint64_t number = Disambiguator();
    const std::string name = Identifier();
    if (!is_special) {
      if (!name.empty()) Write("::" + name);
      return;
    }
    Write("::{");
    Write(space == 'C' ? "closure" : space == 'S' ? "shim" : std::string_view(&space, 1));
    if (!name.empty()) Write(":" + name);
    Write("#" + std::to_string(number) + "}");
  }

  void GenericArguments() {
    for (bool first = true; ok_ && !Eat('E'); first = false) {
      if (!first) Write(", ");
      if (Eat('L')) {
        Lifetime(Base62());
      } else if (Eat('K')) {
        Const();
      } else {
        Type();
      }
    }
  }

  void Lifetime(uint64_t index) {
    if (index == 0) return Write("'_");
    if (index > lifetimes_) return Fail();
    const uint64_t depth = lifetimes_ - index;
    if (depth < 26) {
      const char name[] = {'\'', static_cast<char>('a' + depth)};
      return Write(std::string_view(name, sizeof(name)));
    }
    Write("'_" + std::to_string(depth));
  }

  // Reads "G" and its number; the lifetimes hold for read().
  template <typename Read>
  void Binder(Read read) {
    const uint64_t count = Optional62('G');
    constexpr uint64_t kMaxLifetimes = 1000;
    if (count > kMaxLifetimes) return Fail();
    const uint64_t before = lifetimes_;
    if (count > 0) {
      Write("for<");
      for (uint64_t i = 0; i < count; ++i) {
        if (i > 0) Write(", ");
        ++lifetimes_;
        Lifetime(1);
      }
      Write("> ");
    }
    read();
    lifetimes_ = before;
  }

  void Type() {
    const Level level(this);
    if (!ok_) return;
    const char tag = Next();
    const std::string_view basic = BasicType(tag);
    if (!basic.empty()) return Write(basic);
    switch (tag) {
      case 'R':
      case 'Q':
        Write("&");
        if (Eat('L')) {
          const uint64_t lifetime = Base62();
          if (lifetime != 0) {
            Lifetime(lifetime);
            Write(" ");
          }
        }
        if (tag == 'Q') Write("mut ");
        return Type();
      case 'P':
      case 'O':
        Write(tag == 'P' ? "*const " : "*mut ");
        return Type();
      case 'A':
      case 'S':
        Write("[");
        Type();
        if (tag == 'A') {
          Write("; ");
          Const();
        }
        return Write("]");
      case 'T':
        return Tuple();
      case 'F':
        return Binder([this] { Signature(); });
      case 'D':
        return Dynamic();
      case 'B':
        return Reference([this] { Type(); });
      default:
        --at_;
        return Path(false);
    }
  }

  void Tuple() {
    Write("(");
    int count = 0;
    for (; ok_ && !Eat('E'); ++count) {
      if (count > 0) Write(", ");
      Type();
    }
    Write(count == 1 ? ",)" : ")");
  }

  void Signature() {
    if (Eat('U')) Write("unsafe ");
    if (Eat('K')) {
      std::string abi = "C";
      if (!Eat('C')) abi = Identifier();
      for (char& c : abi) c = c == '_' ? '-' : c;
      Write("extern \"" + abi + "\" ");
    }
    Write("fn(");
    for (bool first = true; ok_ && !Eat('E'); first = false) {
      if (!first) Write(", ");
      Type();
    }
    Write(")");
    if (Eat('u')) return;  // returns ()
    Write(" -> ");
    Type();
  }

  void Dynamic() {
    Write("dyn ");
    Binder([this] {
      for (bool first = true; ok_ && !Eat('E'); first = false) {
        if (!first) Write(" + ");
        Trait();
      }
    });
    if (!Eat('L')) return Fail();
    const uint64_t lifetime = Base62();
    if (lifetime == 0) return;
    Write(" + ");
    Lifetime(lifetime);
  }

  // Its associated types stand with its generic arguments.
  void Trait() {
    bool is_open = OpenPath();
    while (Eat('p')) {
      Write(is_open ? ", " : "<");
      is_open = true;
      Write(Identifier() + " = ");
      Type();
    }
    if (is_open) Write(">");
  }
  // A path whose last ">" is left to the caller; false: it has none.
  bool OpenPath() {
    const Level level(this);
    if (!ok_) return false;
    bool is_open = false;
    if (Eat('B')) {
      Reference([this, &is_open] { is_open = OpenPath(); });
    } else if (Eat('I')) {
      Path(false);
      Write("<");
      GenericArguments();
      is_open = true;
    } else {
      Path(false);
    }
    return is_open;
  }

  void Const() {
    const Level level(this);
    if (!ok_) return;
    if (Eat('B')) return Reference([this] { Const(); });
    const char type = Next();
    const bool is_signed = std::string_view("aslxni").find(type) != std::string_view::npos;
    if (type == 'p') return Write("_");
    if (!is_signed && std::string_view("htmyojbc").find(type) == std::string_view::npos) return Fail();
    if (is_signed && Eat('n')) Write("-");
    const size_t begin = at_;
    while (ok_ && !Eat('_')) {
      const char c = Next();
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) Fail();
    }
    if (!ok_) return;
    const std::string digits(text_.substr(begin, at_ - 1 - begin));
    constexpr size_t kDigitsOf64Bits = 16;
    if (digits.size() > kDigitsOf64Bits) return Write("0x" + digits);
    const uint64_t value = strtoull(digits.c_str(), nullptr, 16);
    if (type == 'b') {
      if (value > 1) return Fail();
      return Write(value == 1 ? "true" : "false");
    }
    if (type != 'c') return Write(std::to_string(value));
    const std::string character = value > UINT32_MAX ? "" : QuotedCharacter(static_cast<uint32_t>(value));
    if (character.empty()) return Fail();
    Write(character);
  }

  const std::string_view text_;  // behind "_R"
  size_t at_ = 0;
  std::string out_;
  bool ok_ = true;
  bool silent_ = false;
  int depth_ = 0, steps_ = 0;
  uint64_t lifetimes_ = 0;  // those that binders around this place have named
};

}  // namespace

std::string DemangleRust(std::string_view symbol) {
  if (symbol.substr(0, 2) != "_R") return "";
  symbol.remove_prefix(2);
  // A number would be a later version of the scheme.
  if (symbol.empty() || symbol[0] < 'A' || symbol[0] > 'Z') return "";
  return V0(symbol).Symbol();
}

}  // namespace heapprof::tools
