/* SPDX-License-Identifier: Apache-2.0 */
/* What each recipe's consumer builds: ends well if the library is in it, in place of malloc. */
#include <heapprof/heapprof.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  struct heapprof_stats stats;
  void* block;
  if (strcmp(heapprof_version(), HEAPPROF_VERSION) != 0) return 1;
  if (heapprof_set_sample_interval(1) != 0) return 2;
  block = malloc(1000);
  memset(&stats, 0, sizeof(stats));
  stats.size = sizeof(stats);
  if (block == NULL || heapprof_stats(&stats) != 0 || stats.live_samples == 0) return 3;
  free(block);
  return 0;
}
