// SPDX-License-Identifier: Apache-2.0
#include "proto/gzip_stream.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

namespace heapprof {
namespace {

constexpr int kGzipFormat = 15 + 16;  // a window of 32 KiB; +16 asks zlib for gzip's header and trailer
constexpr int kMemLevel = 8;

}  // namespace

GzipStream::GzipStream(ByteSink* sink, Workspace* workspace) : sink_(sink), workspace_(workspace) {
  memset(&z_, 0, sizeof(z_));
  z_.zalloc = Allocate;
  z_.zfree = Free;
  z_.opaque = this;
  if (deflateInit2(&z_, Z_BEST_SPEED, Z_DEFLATED, kGzipFormat, kMemLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    error_ = -ENOMEM;
    return;
  }
  z_.next_out = workspace_->output;
  z_.avail_out = sizeof(workspace_->output);
}

voidpf GzipStream::Allocate(voidpf stream, uInt items, uInt size) {
  auto* self = static_cast<GzipStream*>(stream);
  size_t need = (static_cast<size_t>(items) * size + 15) & ~static_cast<size_t>(15);
  if (need > sizeof(self->workspace_->state) - self->state_used_) return nullptr;
  void* block = self->workspace_->state + self->state_used_;
  self->state_used_ += need;
  return block;
}

int GzipStream::Run(int flush) {
  for (;;) {
    int result = deflate(&z_, flush);
    if (z_.avail_out == 0 || result == Z_STREAM_END) {
      error_ = sink_->Write(workspace_->output, sizeof(workspace_->output) - z_.avail_out);
      if (error_ != 0) return error_;
      z_.next_out = workspace_->output;
      z_.avail_out = sizeof(workspace_->output);
      if (result == Z_STREAM_END) return 0;
      continue;
    }
    // Z_BUF_ERROR only says that there was nothing to do.
    if (result != Z_OK && result != Z_BUF_ERROR) return error_ = -EIO;
    if (flush == Z_NO_FLUSH && z_.avail_in == 0) return 0;
  }
}

int GzipStream::Write(const void* data, size_t size) {
  auto* from = static_cast<const uint8_t*>(data);
  while (error_ == 0 && size > 0) {
    uInt piece = size < INT_MAX ? static_cast<uInt>(size) : INT_MAX;
    z_.next_in = const_cast<Bytef*>(from);
    z_.avail_in = piece;
    Run(Z_NO_FLUSH);
    from += piece;
    size -= piece;
  }
  return error_;
}

int GzipStream::Finish() {
  if (error_ == 0) Run(Z_FINISH);
  return error_;
}

}  // namespace heapprof
