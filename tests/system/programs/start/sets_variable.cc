// SPDX-License-Identifier: Apache-2.0
// A library that changes the environment when it is loaded.
#include <stdlib.h>

__attribute__((constructor)) static void SetVariable() { setenv("OF_PRELOAD", "1", 1); }
