// SPDX-License-Identifier: Apache-2.0
// A library to load and unload.
extern "C" __attribute__((visibility("default"))) int watched_module() { return 1; }
