#include "leak/quarantine.h"

namespace heapprof::quarantine {

std::atomic<bool> g_on{false};
std::atomic<size_t> g_next{0};
std::atomic<void*> g_blocks[kBlocks];

}  // namespace heapprof::quarantine
