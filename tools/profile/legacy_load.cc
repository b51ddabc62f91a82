// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/legacy_load.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>

#include "tools/base/failure.h"
#include "tools/profile/interner.h"

namespace heapprof::tools {
namespace {

constexpr std::string_view kTextHeader = "heap profile:", kJemallocHeader = "heap_v2/";
constexpr size_t kMaxLine = 1 << 20;
// What readers leave out of such profiles once names are known: the allocator's own functions.
constexpr std::string_view kAllocatorFrames =
    "malloc|calloc|realloc|reallocarray|free|(__)?posix_memalign|memalign|aligned_alloc|valloc|pvalloc|"
    "tc_(malloc|calloc|realloc|new|newarray|memalign|posix_memalign).*|je_.*|prof_backtrace.*|"
    "operator new(\\[\\])?|operator delete(\\[\\])?|(std::__|__gnu_cxx::)new_allocator(<.*>)?::(de)?allocate";

// The lines of a stream, without their line ends.
class Lines {
 public:
  explicit Lines(ProfileSource* source) : source_(source) {}
  bool Next() {
    line_.clear();
    for (;;) {
      if (begin_ == end_) {
        begin_ = 0;
        end_ = source_->Read(piece_, sizeof piece_);
        if (end_ == 0) {
          number_ += line_.empty() ? 0 : 1;
          return !line_.empty();
        }
      }
      const char* found = static_cast<const char*>(std::memchr(piece_ + begin_, '\n', end_ - begin_));
      const size_t stop = found == nullptr ? end_ : static_cast<size_t>(found - piece_);
      line_.append(piece_ + begin_, stop - begin_);
      begin_ = stop;
      if (line_.size() > kMaxLine) Fail("is longer than 1 MiB");
      if (found == nullptr) continue;
      ++begin_;
      ++number_;
      return true;
    }
  }
  std::string_view line() const { return line_; }
  [[noreturn]] void Fail(const char* why) const {
    throw Failure("line " + std::to_string(number_) + " of the text profile " + why);
  }

 private:
  ProfileSource* source_;
  char piece_[16 << 10];
  size_t begin_ = 0, end_ = 0, number_ = 0;
  std::string line_;
};

// Takes tokens off the front of a line.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { SkipSpace(); }
  bool Literal(std::string_view word) {
    if (text_.substr(0, word.size()) != word) return false;
    text_.remove_prefix(word.size());
    SkipSpace();
    return true;
  }
  template <typename T>
  bool Number(T* to, int base = 10) {
    const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), *to, base);
    if (result.ec != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(result.ptr - text_.data()));
    SkipSpace();
    return true;
  }
  std::string_view Word() {
    const std::string_view word = text_.substr(0, std::min(text_.find_first_of(" \t"), text_.size()));
    text_.remove_prefix(word.size());
    SkipSpace();
    return word;
  }
  std::string_view rest() const { return text_; }

 private:
  void SkipSpace() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r"), text_.size())); }
  std::string_view text_;
};

struct Counts {
  int64_t objects = 0, bytes = 0;
};

// "O: B [O: B]"
bool ScanCounts(Scanner* in, Counts* inuse, Counts* alloc) {
  return in->Number(&inuse->objects) && in->Literal(":") && in->Number(&inuse->bytes) && in->Literal("[") &&
         in->Number(&alloc->objects) && in->Literal(":") && in->Number(&alloc->bytes) && in->Literal("]");
}

int64_t ToInteger(double value) {
  constexpr double kLimit = 9.2e18;
  return static_cast<int64_t>(std::clamp(value, -kLimit, kLimit));
}

class Loader {
 public:
  Loader(ProfileSource* source, uint64_t max_bytes)
      : lines_(source), left_(max_bytes), interner_(&profile_.header.strings) {}
  Profile Load();

 private:
  void ReadHeader();
  void ReadTextSamples();
  void ReadJemallocSamples();
  void ReadMappings();
  void ReadMapping(std::string_view line);
  bool EndsSamples() const;
  void ReadStack(Scanner in);
  void AddSample(Counts inuse, Counts alloc);
  Counts Scale(Counts counts) const;
  void AssignMappings();
  int64_t Text(std::string_view text) { return interner_.Intern(text); }
  void Charge(uint64_t bytes) {
    if (bytes > left_) throw Failure("needs more memory than the bound that --max-size sets");
    left_ -= bytes;
  }

  Lines lines_;
  uint64_t left_;
  Profile profile_;
  Interner interner_;
  bool sampled_ = false, has_alloc_ = false, jemalloc_ = false;
  std::vector<uint32_t> stack_;
  std::vector<std::pair<std::string, std::string>> variables_;  // of the mappings
  std::unordered_map<uint64_t, uint32_t> location_of_;
};

Profile Loader::Load() {
  ReadHeader();
  ProfileHeader& header = profile_.header;
  const ValueType objects{0, Text("count")}, space{0, Text("bytes")};
  const auto add = [&](const char* name, ValueType type) {
    type.type = Text(name);
    header.sample_types.push_back(type);
  };
  if (has_alloc_) {
    add("alloc_objects", objects);
    add("alloc_space", space);
    add("inuse_objects", objects);
    add("inuse_space", space);
  } else {
    add("objects", objects);
    add("space", space);
  }
  header.period_type = {Text("space"), space.unit};
  header.drop_frames = Text(kAllocatorFrames);
  if (jemalloc_) {
    ReadJemallocSamples();
  } else {
    ReadTextSamples();
  }
  AssignMappings();
  return std::move(profile_);
}

void Loader::ReadHeader() {
  if (!lines_.Next()) throw Failure("the file is empty");
  Scanner in(lines_.line());
  profile_.header.period = 1;
  if (in.Literal(kJemallocHeader)) {
    if (!in.Number(&profile_.header.period) || profile_.header.period < 1) lines_.Fail("names no interval");
    jemalloc_ = sampled_ = has_alloc_ = true;
    return;
  }
  Counts inuse, alloc;
  if (!in.Literal(kTextHeader) || !ScanCounts(&in, &inuse, &alloc) || !in.Literal("@")) {
    lines_.Fail("is no header of a heap profile");
  }
  const std::string_view how = in.rest();
  const std::string_view kind = how.substr(0, std::min(how.find_first_of("/ \t"), how.size()));
  const bool sampled = kind == "heap" || kind == "heap_v2" || kind == "heapz_v2";
  const bool counts_all = kind == "heapprofile" || kind == "growthz" || kind == "growth" ||
                          kind == "fragmentationz" || kind == "fragmentation";
  // Readers of such files refuse what they do not know how to scale.
  if (!sampled && !counts_all) {
    lines_.Fail(
        "does not say behind its '@' what was sampled: heap_v2/INTERVAL, heap/INTERVAL, heapprofile, growthz "
        "or fragmentationz");
  }
  if (sampled || kind == "heapprofile") {
    has_alloc_ = (alloc.objects != inuse.objects && alloc.objects != 0) ||
                 (alloc.bytes != inuse.bytes && alloc.bytes != 0);
  }
  if (!sampled) return;
  sampled_ = true;
  int64_t period = 0;
  if (how.size() > kind.size() && how[kind.size()] == '/')
    Scanner(how.substr(kind.size() + 1)).Number(&period);
  if (period <= 0) {
    Tell(
        "the header of a text profile names no sampling interval: its figures are those of the samples, not "
        "scaled to what was allocated");
  }
  profile_.header.period = std::max<int64_t>(kind == "heap" ? period / 2 : period, 0);
}

bool Loader::EndsSamples() const {
  const std::string_view line = lines_.line();
  return line.find("MAPPED_LIBRARIES") != std::string_view::npos ||
         line.find("--- Memory map: ---") != std::string_view::npos;
}

void Loader::ReadTextSamples() {
  while (lines_.Next()) {
    Scanner in(lines_.line());
    if (in.rest().empty() || in.rest()[0] == '#') continue;
    if (EndsSamples()) return ReadMappings();
    Counts inuse, alloc;
    if (!ScanCounts(&in, &inuse, &alloc) || !in.Literal("@")) lines_.Fail("is no sample");
    ReadStack(in);
    AddSample(inuse, alloc);
  }
}

void Loader::ReadJemallocSamples() {
  bool has_stack = false;
  while (lines_.Next()) {
    Scanner in(lines_.line());
    if (in.rest().empty()) continue;
    if (EndsSamples()) return ReadMappings();
    if (in.Literal("@")) {
      ReadStack(in);
      has_stack = true;
    } else if (in.Literal("t*:")) {
      Counts inuse, alloc;
      if (!ScanCounts(&in, &inuse, &alloc)) lines_.Fail("is no sample");
      if (has_stack) AddSample(inuse, alloc);  // before the first stack: the totals
      has_stack = false;
    } else if (in.rest()[0] != 't') {
      lines_.Fail("is no sample");
    }
  }
}

void Loader::ReadStack(Scanner in) {
  stack_.clear();
  while (!in.rest().empty()) {
    uint64_t address = 0;
    if (!in.Literal("0x") || !in.Number(&address, 16)) lines_.Fail("has an address that is none");
    --address;  // a return address: the call is before it
    const auto [found, is_new] =
        location_of_.emplace(address, static_cast<uint32_t>(profile_.locations.size()));
    if (is_new) {
      Charge(sizeof(ProfileLocation) + 64);
      ProfileLocation location;
      location.address = address;
      profile_.locations.push_back(location);
    }
    stack_.push_back(found->second);
  }
}

Counts Loader::Scale(Counts counts) const {
  if (counts.objects == 0 && counts.bytes != 0) lines_.Fail("has bytes of no objects");
  if (!sampled_ || profile_.header.period <= 1) return counts;
  if (counts.objects == 0 || counts.bytes == 0) return {};
  const double mean = static_cast<double>(counts.bytes) / static_cast<double>(counts.objects);
  const double scale = 1 / (1 - std::exp(-mean / static_cast<double>(profile_.header.period)));
  return {ToInteger(static_cast<double>(counts.objects) * scale),
          ToInteger(static_cast<double>(counts.bytes) * scale)};
}

void Loader::AddSample(Counts inuse, Counts alloc) {
  Charge(sizeof(ProfileSample) + stack_.size() * sizeof(uint32_t) + 4 * sizeof(int64_t) +
         sizeof(ProfileLabel));
  if (profile_.frames.size() + stack_.size() >= kNone) throw Failure("has more than 4294967294 frames");
  // jemalloc counts allocations only where it is told to (prof_accum).
  if (jemalloc_ && alloc.objects == 0) alloc = inuse;
  const Counts size_of = inuse.objects != 0 ? inuse : alloc;
  ProfileSample sample;
  sample.first_frame = static_cast<uint32_t>(profile_.frames.size());
  sample.frame_count = static_cast<uint32_t>(stack_.size());
  sample.first_label = static_cast<uint32_t>(profile_.labels.size());
  sample.label_count = 1;
  ProfileLabel label;
  label.key = label.unit = static_cast<uint32_t>(Text("bytes"));
  // The least number divided by -1 would trap.
  label.num = size_of.objects > 0 ? size_of.bytes / size_of.objects : 0;
  profile_.labels.push_back(label);
  profile_.frames.insert(profile_.frames.end(), stack_.begin(), stack_.end());
  if (has_alloc_) {
    const Counts scaled = Scale(alloc);
    profile_.values.insert(profile_.values.end(), {scaled.objects, scaled.bytes});
  }
  const Counts scaled = Scale(inuse);
  profile_.values.insert(profile_.values.end(), {scaled.objects, scaled.bytes});
  profile_.samples.push_back(sample);
}

void Loader::ReadMappings() {
  while (lines_.Next()) ReadMapping(lines_.line());
}

// "START-LIMIT PERMISSIONS OFFSET DEVICE INODE FILE" as the kernel has it, or "START-LIMIT: FILE (@OFFSET)
// BUILDID". A line "name=value" gives the meaning of "$name" in files. Lines of any other form are passed
// over.
void Loader::ReadMapping(std::string_view line) {
  Scanner in(line);
  ProfileMapping mapping;
  if (!in.Number(&mapping.start, 16) || !in.Literal("-") || !in.Number(&mapping.limit, 16)) {
    const size_t equals = line.find('=');
    constexpr size_t kMaxVariables = 64;
    if (equals == std::string_view::npos || variables_.size() == kMaxVariables) return;
    variables_.emplace_back("$" + std::string(Scanner(line.substr(0, equals)).Word()),
                            Scanner(line.substr(equals + 1)).rest());
    return;
  }
  in.Literal(":");
  const Scanner after_range = in;
  const std::string_view permissions = in.Word();
  std::string_view file;
  uint64_t inode;
  if (!permissions.empty() && permissions.find_first_not_of("-rwxps") == std::string_view::npos) {
    if (permissions.find('x') == std::string_view::npos) return;
    if (!in.Number(&mapping.offset, 16) || in.Word().empty() || !in.Number(&inode)) return;
    file = in.rest();
  } else {
    in = after_range;
    file = in.Word();
    if (in.Literal("(@")) {
      in.Number(&mapping.offset, 16);
      in.Literal(")");
    }
    mapping.build_id = static_cast<uint32_t>(Text(in.Word()));
  }
  std::string path(file);
  for (const auto& [name, value] : variables_) {
    const size_t at = path.find(name);
    if (at != std::string::npos) path.replace(at, name.size(), value);
  }
  Charge(sizeof mapping + path.size());
  mapping.filename = static_cast<uint32_t>(Text(path));
  profile_.mappings.push_back(mapping);
}

void Loader::AssignMappings() {
  std::vector<uint32_t> order(profile_.mappings.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto start = [this](uint32_t i) { return profile_.mappings[i].start; };
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return start(a) < start(b); });
  for (ProfileLocation& location : profile_.locations) {
    const auto after = std::upper_bound(order.begin(), order.end(), location.address,
                                        [&](uint64_t address, uint32_t i) { return address < start(i); });
    if (after == order.begin()) continue;
    const uint32_t index = *(after - 1);
    if (location.address < profile_.mappings[index].limit) location.mapping = index;
  }
}

}  // namespace

bool IsLegacyHeapProfile(std::string_view head) {
  return head.substr(0, kTextHeader.size()) == kTextHeader ||
         head.substr(0, kJemallocHeader.size()) == kJemallocHeader;
}

Profile LoadLegacy(ProfileSource* source, uint64_t max_bytes) { return Loader(source, max_bytes).Load(); }

}  // namespace heapprof::tools
