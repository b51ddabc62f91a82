// SPDX-License-Identifier: Apache-2.0
#include "profiles/threads/thread_text.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/text_labels.h"
#include "profiles/write/text_profile.h"

namespace heapprof {
namespace {

// What FrameSymbols asks for by a plain function; guarded by the dump lock.
const StackCounts* g_stacks = nullptr;
uint64_t ReturnAddressOf(uint32_t location) { return g_stacks->AddressOf(location) + 1; }

// Indexes of threads in the order of the text.
class Order {
 public:
  ~Order() {
    if (places_ != nullptr) RawUnmap(places_, bytes_);
  }
  Order() = default;
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  // Those that are there, sorted by is_before(a, b), which is a strict order of all of them. 0 or -errno.
  template <typename IsBefore>
  int Sort(const ThreadList& list, IsBefore is_before) {
    bytes_ = (list.count() + 1) * sizeof(uint32_t);
    places_ = static_cast<uint32_t*>(RawMap(bytes_));
    if (places_ == nullptr) return -ENOMEM;
    for (size_t i = 0; i < list.count(); ++i) {
      if (list.at(i).answer != ThreadAnswer::kEnded) places_[count_++] = static_cast<uint32_t>(i);
    }
    std::sort(places_, places_ + count_,
              [&](uint32_t a, uint32_t b) { return is_before(list.at(a), list.at(b)); });
    return 0;
  }
  size_t count() const { return count_; }
  uint32_t operator[](size_t place) const { return places_[place]; }

 private:
  uint32_t* places_ = nullptr;
  size_t bytes_ = 0, count_ = 0;
};

// Seconds with as many digits as tell something.
void WriteSeconds(int64_t nanos, TextStream* out) {
  constexpr int64_t kSecond = 1'000'000'000, kMilli = 1'000'000, kMinute = 60 * kSecond;
  const auto whole = static_cast<uint64_t>(nanos / kSecond);
  out->UDec(whole);
  if (nanos < kMinute) {
    Text<8> rest;
    rest.UDec(static_cast<uint64_t>(nanos % kSecond / kMilli), 3);
    out->Str(".").Str(rest.data());
  }
  out->Str(" s");
}

class Writer {
 public:
  Writer(ThreadList* list, const ModuleTable& modules, const FrameSymbols& symbols, TextStream* out)
      : list_(list), modules_(modules), symbols_(symbols), out_(out) {}

  // The threads of one entry, those from `first` up to `limit` of `order`.
  void WriteGroup(const Order& order, size_t first, size_t limit) {
    const ListedThread& thread = list_->at(order[first]);
    const CountedStack& entry = list_->stacks().at(thread.entry);
    out_->UDec(limit - first).Str(" @");
    for (uint32_t i = 0; i < entry.depth; ++i) {
      out_->Str(" ").Hex(ReturnAddressOf(list_->stacks().LocationsOf(entry)[i]));
    }
    out_->Str("\n");
    WriteTextLabels(thread.labels, out_);
    WriteNames(order, first, limit);
    WriteStack(thread.entry, WhyNoStack(thread), thread.exact_leaf);
    out_->Str("\n");
  }

  void WriteParagraph(const ListedThread& thread) {
    out_->Str("thread ").UDec(static_cast<uint64_t>(thread.tid)).Str(" ");
    WriteQuoted(thread.facts.name, out_);
    out_->Str(" [").Str(ThreadStateName(thread));
    Text<64> occupation;
    if (AppendOccupation(thread, &occupation)) out_->Str(": ").Str(occupation.data());
    if (thread.idle_nanos >= 0) {
      out_->Str(", last ran ");
      WriteSeconds(thread.idle_nanos, out_);
      out_->Str(" ago");
    }
    out_->Str("]");
    if (thread.cpu_nanos >= 0) {
      out_->Str(", cpu ");
      WriteSeconds(thread.cpu_nanos, out_);
    }
    out_->Str("\n");
    WriteTextLabels(thread.labels, out_);
    WriteStack(thread.entry, WhyNoStack(thread), thread.exact_leaf);
    if (thread.creator != 0) {
      out_->Str("# created by\n");
      WriteStack(thread.creator, NoStack::kThereIsOne, false);
    }
    out_->Str("\n");
  }

 private:
  // Each name once, with how many have it; the first few names.
  void WriteNames(const Order& order, size_t first, size_t limit) {
    constexpr int kMaxNames = 5;
    out_->Str("# threads: ");
    int names = 0;
    for (size_t i = first; i < limit; ++names) {
      const char* name = list_->at(order[i]).facts.name;
      size_t same = i;
      while (same < limit && strcmp(list_->at(order[same]).facts.name, name) == 0) ++same;
      if (names == kMaxNames) {
        out_->Str(", and ").UDec(limit - i).Str(" more");
        break;
      }
      out_->Str(names == 0 ? "" : ", ");
      for (; *name != '\0'; ++name) {
        const char c = static_cast<unsigned char>(*name) < ' ' ? ' ' : *name;
        out_->Str(&c, 1);
      }
      if (same - i > 1) out_->Str(" x").UDec(same - i);
      i = same;
    }
    out_->Str("\n");
  }

  void WriteStack(uint32_t id, NoStack why, bool exact) {
    const CountedStack& entry = list_->stacks().at(id);
    if (id == StackCounts::kOverflow) out_->Str("#\t").Str(kOverflowFrame).Str("\n");
    for (uint32_t i = 0; i < entry.depth; ++i) {
      WriteTextFrame(modules_, symbols_, ReturnAddressOf(list_->stacks().LocationsOf(entry)[i]), out_,
                     exact && i == 0);
    }
    if (why != NoStack::kThereIsOne) {
      out_->Str("#\t").Str(NoStackFrame(why)).Str("\n");
    } else if (entry.truncated) {
      out_->Str("#\t").Str(TruncatedFrame(entry.truncated)).Str("\n");
    }
  }

  ThreadList* list_;
  const ModuleTable& modules_;
  const FrameSymbols& symbols_;
  TextStream* out_;
};

int WriteGroups(ThreadList* list, Writer* writer, TextStream* out) {
  Order order;
  auto size_of = [&](const ListedThread& thread) {
    return list->stacks().at(thread.entry).in.load(std::memory_order_relaxed);
  };
  const int error = order.Sort(*list, [&](const ListedThread& a, const ListedThread& b) {
    if (size_of(a) != size_of(b)) return size_of(a) > size_of(b);
    if (a.entry != b.entry) return a.entry < b.entry;
    const int names = strcmp(a.facts.name, b.facts.name);
    return names != 0 ? names < 0 : a.tid < b.tid;
  });
  if (error != 0) return error;
  out->Str("threads profile: total ").UDec(order.count()).Str("\n");
  for (size_t first = 0, limit; first < order.count() && out->error() == 0; first = limit) {
    limit = first;
    while (limit < order.count() && list->at(order[limit]).entry == list->at(order[first]).entry) ++limit;
    writer->WriteGroup(order, first, limit);
  }
  return 0;
}

int WriteParagraphs(ThreadList* list, Writer* writer, TextStream* out) {
  Order order;
  const int error = order.Sort(*list, [](const ListedThread& a, const ListedThread& b) {
    return a.is_caller != b.is_caller ? a.is_caller : a.tid < b.tid;
  });
  if (error != 0) return error;
  out->UDec(order.count()).Str(" threads of process ").UDec(static_cast<uint64_t>(RawGetPid())).Str("\n\n");
  for (size_t i = 0; i < order.count() && out->error() == 0; ++i) writer->WriteParagraph(list->at(order[i]));
  return 0;
}

}  // namespace

int WriteThreadText(ThreadList* list, int debug, ByteSink* sink, ThreadTextWorkspace* workspace) {
  TextStream out(sink, workspace->text);
  ModuleTable modules(&workspace->modules);
  modules.Read();
  g_stacks = &list->stacks();
  FrameSymbols symbols;
  if (int error = symbols.Resolve(modules, ReturnAddressOf, g_stacks->location_count(), workspace->scratch)) {
    return error;
  }
  Writer writer(list, modules, symbols, &out);
  if (int error = debug == 1 ? WriteGroups(list, &writer, &out) : WriteParagraphs(list, &writer, &out)) {
    return error;
  }
  return out.Flush();
}

}  // namespace heapprof
