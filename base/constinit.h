// SPDX-License-Identifier: Apache-2.0
// HP_CONSTINIT before an object with static storage: the build fails if the object would need a constructor
// at run time. Ours are in use before constructors run, which would then wipe what is in them.
#ifndef HEAPPROF_BASE_CONSTINIT_H_
#define HEAPPROF_BASE_CONSTINIT_H_

#if defined(__clang__)
#define HP_CONSTINIT [[clang::require_constant_initialization]]
#else
#define HP_CONSTINIT __constinit
#endif

#endif  // HEAPPROF_BASE_CONSTINIT_H_
