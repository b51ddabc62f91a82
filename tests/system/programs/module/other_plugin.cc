// SPDX-License-Identifier: Apache-2.0
// What takes plugin.cc's place when that is gone: the same code under another name.
#define plugin_alloc other_alloc
#define plugin_tls other_tls
#define plugin_call other_call
#define plugin_throw other_throw
#include "tests/system/programs/module/plugin.cc"  // NOLINT(bugprone-suspicious-include): one text, two libraries
