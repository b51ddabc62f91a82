// SPDX-License-Identifier: Apache-2.0
// Heap profiles as tests see them: decoded by code that protoc generated, not by ours.
//
//   HeapProfile profile = ReadProfile(path);
//   ASSERT_EQ(profile.error(), "");
//   EXPECT_EQ(profile.In("alloc_a").inuse_objects, 10);
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_SUPPORT_PROFILE_H_
#define HEAPPROF_TESTS_SUPPORT_PROFILE_H_

#include <stdint.h>

#include <map>
#include <string>
#include <vector>

#include "profile.pb.h"

namespace heapprof::test {

// The four values of heap profiles, summed over samples.
struct Totals {
  int64_t alloc_objects = 0, alloc_space = 0, inuse_objects = 0, inuse_space = 0;

  bool operator==(const Totals& other) const {
    return alloc_objects == other.alloc_objects && alloc_space == other.alloc_space &&
           inuse_objects == other.inuse_objects && inuse_space == other.inuse_space;
  }
};
std::ostream& operator<<(std::ostream& out, const Totals& totals);

// What all kinds have.
class AnyProfile {
 public:
  // "" when the file could be read and keeps every rule of the format; else what is wrong with it.
  const std::string& error() const { return error_; }
  const pb::Profile& proto() const { return proto_; }
  const std::string& Text(int64_t index) const { return proto_.string_table(static_cast<int>(index)); }
  // The names of a sample's frames, the leaf first; "" where there is no name.
  std::vector<std::string> Stack(const pb::Sample& sample) const;
  // All comments, one a line.
  std::string Comments() const;

 protected:
  // Reads `compressed`, and checks what holds for all kinds.
  void Parse(const std::string& compressed);
  std::string FindFault() const;
  void NameLocations();
  bool HasFrame(const pb::Sample& sample, const std::string& function) const;

  std::string error_;
  pb::Profile proto_;
  std::map<uint64_t, std::vector<std::string>> names_;  // location -> its names, innermost first
};

class HeapProfile : public AnyProfile {
 public:
  Totals Total() const;
  // The samples with a frame of `function` (its plain name, see elf_symbols.h) anywhere in their stack.
  Totals In(const std::string& function) const;
  // The samples whose leaf is in `function`.
  Totals AtLeaf(const std::string& function) const;

 private:
  friend HeapProfile ParseProfile(const std::string& compressed);
  std::string FindHeapFault() const;
  template <typename Wanted>
  Totals Sum(Wanted wanted) const;
};

// A profile whose first value is a count: of CPU samples, or of what a named profile holds.
class CountProfile : public AnyProfile {
 public:
  explicit CountProfile(const std::string& compressed);

  int64_t Total() const;
  int64_t In(const std::string& function) const;
  int64_t AtLeaf(const std::string& function) const;
  // The samples with this label.
  int64_t Labelled(const std::string& key, const std::string& value) const;
  // The value of a comment "key: value".
  std::string Comment(const std::string& key) const;

 private:
  std::string FindCountFault() const;
  std::string FindAmountFault() const;
  template <typename Wanted>
  int64_t Sum(Wanted wanted) const;
};

// A profile of whatever types.
class TypedProfile : public AnyProfile {
 public:
  explicit TypedProfile(const std::string& compressed);

  std::vector<std::string> Types() const;  // "inuse_space/bytes"
  int64_t Total(const std::string& type) const;
  int64_t In(const std::string& type, const std::string& function) const;
  // The value of a comment "key: value".
  std::string Comment(const std::string& key) const;

 private:
  template <typename Wanted>
  int64_t Sum(const std::string& type, Wanted wanted) const;
};

// From the bytes of a file, gzip'd.
HeapProfile ParseProfile(const std::string& compressed);
HeapProfile ReadProfile(const std::string& path);

// The content of gzip'd `data`. False when it is torn, damaged or followed by anything.
bool Gunzip(const std::string& data, std::string* plain);

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_PROFILE_H_
