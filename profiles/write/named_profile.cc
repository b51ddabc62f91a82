// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/named_profile.h"

#include <errno.h>

#include <algorithm>

#include "base/hash.h"
#include "base/system/raw_syscall.h"
#include "profiles/write/count_proto.h"
#include "profiles/write/frame_symbols.h"
#include "profiles/write/proto_parts.h"
#include "profiles/write/scaling.h"
#include "profiles/write/text_labels.h"
#include "profiles/write/text_profile.h"
#include "sampling/contention/wait_sampler.h"

namespace heapprof {
namespace {

struct TextWorkspace {
  char text[TextStream::kBufferSize];
  char scratch[FrameSymbols::kScratchSize];
  ModuleTable::Workspace modules;
};

// One form is written at a time.
union Workspace {
  CountProtoWorkspace proto;
  TextWorkspace text;
};

StackCounts g_no_counts;  // of a profile that has none yet

uint64_t ReturnAddressOf(const StackCounts& counts, uint32_t location) {
  return counts.AddressOf(location) + 1;
}

bool IsOfWaits(const NamedProfile& profile) {
  return profile.kind == ProfileKind::kBlock || profile.kind == ProfileKind::kMutex;
}

// The count of waits, in whole ones: rounded by an offset that stays a stack's, so that totals are unbiased.
int64_t WholeCount(int64_t count, uint64_t hash) {
  const auto offset = static_cast<int64_t>(RoundingOffset(MixBits(hash)) * static_cast<double>(kCountUnit));
  return SaturatingSum(count, offset) / kCountUnit;
}

// The value of an entry; `sums` may be nullptr.
StackValue ReadValue(const StackCounts& counts, const StackValues* sums, bool of_waits, uint32_t id) {
  StackValue value = sums != nullptr ? sums->Read(id) : StackValue{0, 0};
  if (of_waits) value.count = WholeCount(value.count, counts.at(id).hash);
  // Of keys that were added without a value.
  value.count = SaturatingSum(value.count, static_cast<int64_t>(ValueOf(counts.at(id))));
  return value;
}

// The entries whose value is not 0, sorted by amounts, then by counts. Values may change while they are read:
// each is read once.
class Order {
 public:
  struct Place {
    StackValue value;
    uint32_t id;
  };

  ~Order() {
    if (places_ != nullptr) RawUnmap(places_, bytes_);
  }
  Order() = default;
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  // value_of(id) is the value of an entry.
  template <typename ValueOfEntry>
  int Collect(const StackCounts& counts, uint32_t entries, const ValueOfEntry& value_of) {
    bytes_ = (sizeof(Place) + sizeof(StackValue) + sizeof(uint32_t)) * (size_t{entries} + 1);
    places_ = static_cast<Place*>(RawMap(bytes_));
    if (places_ == nullptr) return -ENOMEM;
    values_ = reinterpret_cast<StackValue*>(places_ + entries + 1);
    ids_ = reinterpret_cast<uint32_t*>(values_ + entries + 1);
    for (uint32_t id = 1; id <= entries; ++id) {
      const StackValue value = value_of(id);
      if (value.count == 0 && value.amount == 0) continue;
      places_[count_++] = {value, id};
      total_ = {SaturatingSum(total_.count, value.count), SaturatingSum(total_.amount, value.amount)};
    }
    std::sort(places_, places_ + count_, [&](const Place& a, const Place& b) {
      if (a.value.amount != b.value.amount) return a.value.amount > b.value.amount;
      if (a.value.count != b.value.count) return a.value.count > b.value.count;
      return IsBefore(counts, a.id, b.id);
    });
    for (uint32_t i = 0; i < count_; ++i) {
      ids_[i] = places_[i].id;
      values_[i] = places_[i].value;
    }
    return 0;
  }
  const Place* begin() const { return places_; }
  const Place* end() const { return places_ + count_; }
  const uint32_t* ids() const { return ids_; }
  const StackValue* values() const { return values_; }
  uint32_t count() const { return count_; }
  StackValue total() const { return total_; }

 private:
  static bool IsBefore(const StackCounts& counts, uint32_t a, uint32_t b) {
    const CountedStack &x = counts.at(a), &y = counts.at(b);
    uint32_t depth = x.depth < y.depth ? x.depth : y.depth;
    for (uint32_t i = 0; i < depth; ++i) {
      uint64_t at_x = counts.AddressOf(counts.LocationsOf(x)[i]);
      uint64_t at_y = counts.AddressOf(counts.LocationsOf(y)[i]);
      if (at_x != at_y) return at_x < at_y;
    }
    return x.depth != y.depth ? x.depth < y.depth : a < b;
  }

  Place* places_ = nullptr;
  StackValue* values_ = nullptr;
  uint32_t* ids_ = nullptr;
  size_t bytes_ = 0;
  uint32_t count_ = 0;
  StackValue total_ = {0, 0};
};

void WriteLost(const void* argument, ProfileBuilder* builder) {
  const auto* profile = static_cast<const NamedProfile*>(argument);
  const uint64_t lost = profile->lost.load(std::memory_order_relaxed);
  if (lost != 0) WriteComment("lost-samples", lost, builder);
}

// `unit` is nullptr where there are no amounts.
// `time` is when it was so, after `duration`.
int WriteProto(const NamedProfile& profile, const char* unit, const StackCounts& counts, const Order& order,
               int64_t time, int64_t duration, ByteSink* sink, CountProtoWorkspace* workspace) {
  const bool of_waits = IsOfWaits(profile);
  const char* const amount = of_waits ? "delay" : unit != nullptr ? "amount" : nullptr;
  return WriteCountProto({&counts, of_waits ? "contentions" : profile.name, amount, unit, 1, time, duration,
                          0, 0, order.ids(), order.count(), WriteLost, &profile, order.values()},
                         sink, workspace);
}

// What the lines of entries begin with.
enum class ValueForm { kCount, kCountAndAmount, kDelayAndCount };

ValueForm FormOf(const NamedProfile& profile, const char* unit) {
  if (IsOfWaits(profile)) return ValueForm::kDelayAndCount;
  return unit != nullptr ? ValueForm::kCountAndAmount : ValueForm::kCount;
}

void WriteValue(StackValue value, ValueForm form, TextStream* out) {
  if (form == ValueForm::kDelayAndCount) out->UDec(static_cast<uint64_t>(value.amount)).Str(" ");
  out->UDec(static_cast<uint64_t>(value.count));
  if (form == ValueForm::kCountAndAmount) out->Str(": ").UDec(static_cast<uint64_t>(value.amount));
}

void WriteTextHeader(const NamedProfile& profile, const char* unit, StackValue total, TextStream* out) {
  if (IsOfWaits(profile)) {
    // As Go has it, where readers know the form from. The values are scaled: the period is 1.
    out->Str(profile.kind == ProfileKind::kBlock ? "--- contention:\n" : "--- mutex:\n");
    out->Str("cycles/second=1000000000\n");
    if (profile.kind == ProfileKind::kMutex) out->Str("sampling period=1\n");
    return;
  }
  out->Str(profile.name).Str(" profile: total ");
  WriteValue(total, FormOf(profile, unit), out);
  if (unit != nullptr) out->Str(" ").Str(unit);
  out->Str("\n");
}

void WriteEntry(const StackCounts& counts, const Order::Place& place, ValueForm form,
                const ModuleTable& modules, const FrameSymbols& symbols, TextStream* out) {
  const CountedStack& entry = counts.at(place.id);
  const uint32_t* locations = counts.LocationsOf(entry);
  WriteValue(place.value, form, out);
  out->Str(" @");
  for (uint32_t i = 0; i < entry.depth; ++i) out->Str(" ").Hex(ReturnAddressOf(counts, locations[i]));
  out->Str("\n");
  WriteTextLabels(entry.labels, out);
  if (place.id == StackCounts::kOverflow) out->Str("#\t").Str(kOverflowFrame).Str("\n");
  for (uint32_t i = 0; i < entry.depth; ++i) {
    WriteTextFrame(modules, symbols, ReturnAddressOf(counts, locations[i]), out);
  }
  if (entry.truncated) out->Str("#\t").Str(TruncatedFrame(entry.truncated)).Str("\n");
  out->Str("\n");
}

int WriteText(const NamedProfile& profile, const char* unit, const StackCounts& counts, const Order& order,
              ByteSink* sink, TextWorkspace* workspace) {
  TextStream out(sink, workspace->text);
  ModuleTable modules(&workspace->modules);
  modules.Read();
  FrameSymbols symbols;
  auto address = [&](uint32_t id) { return ReturnAddressOf(counts, id); };
  if (int error = symbols.Resolve(modules, address, counts.location_count(), workspace->scratch)) {
    return error;
  }
  WriteTextHeader(profile, unit, order.total(), &out);
  for (const Order::Place& place : order) {
    if (out.error() != 0) break;
    WriteEntry(counts, place, FormOf(profile, unit), modules, symbols, &out);
  }
  return out.Flush();
}

// What is there of a profile.
struct View {
  explicit View(const NamedProfile& profile)
      // acquire: the unit and the counts were there before the values. Without values there are no amounts,
      // and the profile is written as if nobody knew of them.
      : values(profile.values.load(std::memory_order_acquire)),
        unit(values != nullptr    ? profile.unit
             : IsOfWaits(profile) ? "nanoseconds"
                                  : nullptr),
        // acquire: pairs with the release that published it.
        counts(profile.counts.load(std::memory_order_acquire)),
        of_waits(IsOfWaits(profile)) {
    if (counts == nullptr) counts = &g_no_counts;
  }
  StackValue At(uint32_t id) const { return ReadValue(*counts, values, of_waits, id); }

  const StackValues* values;
  const char* unit;
  const StackCounts* counts;
  bool of_waits;
};

}  // namespace

size_t NamedProfileWorkspaceSize() { return sizeof(Workspace); }

uint32_t EntriesOf(const NamedProfile& profile) { return View(profile).counts->count(); }

void ReadValues(const NamedProfile& profile, StackValue* values, uint32_t entries) {
  const View view(profile);
  for (uint32_t id = 1; id <= entries; ++id) values[id - 1] = view.At(id);
}

int WriteNamedDelta(const NamedProfile& profile, const ValuesAtMoment& before, const ValuesAtMoment& after,
                    ByteSink* sink, void* workspace) {
  const View view(profile);
  Order order;
  const int error = order.Collect(*view.counts, after.entries, [&](uint32_t id) {
    const StackValue now = after.values[id - 1];
    const StackValue then = id <= before.entries ? before.values[id - 1] : StackValue{0, 0};
    return StackValue{now.count - then.count, now.amount - then.amount};
  });
  if (error != 0) return error;
  // Of all that ever was there is no duration.
  const int64_t duration = before.time_nanos == 0 ? 0 : after.time_nanos - before.time_nanos;
  return WriteProto(profile, view.unit, *view.counts, order, after.time_nanos, duration > 0 ? duration : 0,
                    sink, &static_cast<Workspace*>(workspace)->proto);
}

int WriteNamedProfile(const NamedProfile& profile, int debug, ByteSink* sink, void* workspace) {
  const View view(profile);
  Order order;
  const int error =
      order.Collect(*view.counts, view.counts->count(), [&](uint32_t id) { return view.At(id); });
  if (error != 0) return error;
  auto* space = static_cast<Workspace*>(workspace);
  return debug == 0
             ? WriteProto(profile, view.unit, *view.counts, order, RawRealtimeNanos(), 0, sink, &space->proto)
             : WriteText(profile, view.unit, *view.counts, order, sink, &space->text);
}

}  // namespace heapprof
