// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/naming/module_names.h"

namespace heapprof::tools {

const std::vector<SourceFrame>& ModuleNames::FramesAt(uint64_t offset, uint64_t from_code) {
  if (!cache_read_) {
    cache_read_ = true;
    known_ = cache_->Read(build_id_);
  }
  const auto [found, is_new] = known_.try_emplace(offset);
  if (!is_new) return found->second;
  if (!tried_) {
    tried_ = true;
    symbols_ = files_->Open(path_, build_id_, places_, &reason_);
  }
  if (symbols_ == nullptr) return found->second;
  if (const auto address = symbols_->Unbias(offset, from_code)) found->second = symbols_->FramesAt(*address);
  if (!build_id_.empty() && symbols_->complete()) fresh_.emplace(offset, found->second);
  return found->second;
}

void ModuleNames::Keep() {
  if (fresh_.empty()) return;
  cache_->Add(build_id_, fresh_);
  fresh_.clear();
}

}  // namespace heapprof::tools
