// SPDX-License-Identifier: Apache-2.0
// Bounded reading of unwind tables: integers, LEB128 and encoded pointers.
//
// A reader that meets its end, or an encoding that it does not know, is failed() from then on and gives
// zeros. Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_CFI_READER_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_CFI_READER_H_

#include <stdint.h>
#include <string.h>

namespace heapprof::unwind {

// Pointer encodings of the LSB: the low half is the form, the high half what it is relative to.
inline constexpr uint8_t kEncodingOmit = 0xff, kEncodingAligned = 0x50, kEncodingIndirect = 0x80;

// What textrel, datarel and funcrel pointers are relative to.
struct PointerBases {
  uintptr_t text = 0, data = 0, function = 0;
};

class CfiReader {
 public:
  CfiReader() : at_(0), end_(0) {}
  CfiReader(uintptr_t at, uintptr_t end) : at_(at), end_(end) { failed_ = at > end; }

  uintptr_t at() const { return at_; }
  uintptr_t end() const { return end_; }
  bool failed() const { return failed_; }
  bool more() const { return !failed_ && at_ < end_; }

  template <typename T>
  T Fixed() {
    T value = 0;
    if (failed_ || end_ - at_ < sizeof(T)) {
      failed_ = true;
      return 0;
    }
    memcpy(&value, reinterpret_cast<const void*>(at_), sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  uint64_t Uleb() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      uint8_t byte = Fixed<uint8_t>();
      if (failed_) return 0;
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }

  int64_t Sleb() {
    uint64_t value = 0;
    int shift = 0;
    uint8_t byte;
    do {
      byte = Fixed<uint8_t>();
      if (failed_) return 0;
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
    } while ((byte & 0x80) != 0);
    if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }

  void Skip(uint64_t bytes) {
    if (failed_ || end_ - at_ < bytes) {
      failed_ = true;
    } else {
      at_ += bytes;
    }
  }

  // A pointer of the given encoding. Indirect ones are not followed: what comes back is where the pointer
  // lies.
  uintptr_t Pointer(uint8_t encoding, const PointerBases& bases) {
    if (encoding == kEncodingAligned) {
      Skip((0 - at_) % sizeof(uint64_t));
      return Fixed<uint64_t>();
    }
    uintptr_t place = at_;
    uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:
      case 0x04:
      case 0x0c:
        value = Fixed<uint64_t>();
        break;
      case 0x01:
        value = Uleb();
        break;
      case 0x02:
        value = Fixed<uint16_t>();
        break;
      case 0x03:
        value = Fixed<uint32_t>();
        break;
      case 0x09:
        value = static_cast<uint64_t>(Sleb());
        break;
      case 0x0a:
        value = static_cast<uint64_t>(int64_t{static_cast<int16_t>(Fixed<uint16_t>())});
        break;
      case 0x0b:
        value = static_cast<uint64_t>(int64_t{static_cast<int32_t>(Fixed<uint32_t>())});
        break;
      default:
        failed_ = true;
    }
    switch (encoding & 0x70) {
      case 0x00:
        break;
      case 0x10:
        value += place;
        break;
      case 0x20:
        value += bases.text;
        break;
      case 0x30:
        value += bases.data;
        break;
      case 0x40:
        value += bases.function;
        break;
      default:
        failed_ = true;
    }
    return failed_ ? 0 : value;
  }

 private:
  uintptr_t at_, end_;
  bool failed_ = false;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_CFI_READER_H_
