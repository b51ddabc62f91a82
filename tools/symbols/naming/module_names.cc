// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/naming/module_names.h"

namespace heapprof::tools {
namespace {

// Marks what a debug file alone has said, by the place in the code: an offset in the file says more, as the
// place is only known if the profile has the first mapping of the code.
constexpr uint64_t kByCode = uint64_t{1} << 63;

}  // namespace

const std::vector<SourceFrame>& ModuleNames::FramesAt(uint64_t offset, uint64_t from_code) {
  if (!cache_read_) {
    cache_read_ = true;
    known_ = cache_->Read(build_id_);
  }
  const auto kept = known_.find(offset);
  if (kept != known_.end()) return kept->second;
  if (!tried_) {
    tried_ = true;
    symbols_ = files_->Open(path_, build_id_, places_, &reason_);
  }
  const bool by_code = symbols_ != nullptr && !symbols_->has_file();
  const uint64_t place = by_code ? from_code : offset;
  const auto [found, is_new] = known_.try_emplace(by_code ? place | kByCode : place);
  if (!is_new || symbols_ == nullptr) return found->second;
  if (const auto address = symbols_->Unbias(offset, from_code)) found->second = symbols_->FramesAt(*address);
  if (!build_id_.empty() && symbols_->complete() && place < kByCode)
    fresh_.emplace(found->first, found->second);
  return found->second;
}

void ModuleNames::Keep() {
  if (fresh_.empty()) return;
  cache_->Add(build_id_, fresh_);
  fresh_.clear();
}

}  // namespace heapprof::tools
