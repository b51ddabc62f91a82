// SPDX-License-Identifier: Apache-2.0
// What clang is told about locks, so that its build finds a field that is touched without the lock that
// guards it
// (-Wthread-safety). Nothing for other compilers.
#ifndef HEAPPROF_BASE_LOCK_ANNOTATIONS_H_
#define HEAPPROF_BASE_LOCK_ANNOTATIONS_H_

#if defined(__clang__)
#define HEAPPROF_ANNOTATION(x) __attribute__((x))
#else
#define HEAPPROF_ANNOTATION(x)
#endif

// Of a class: it is a lock; it holds one while it lives.
#define HP_LOCKABLE HEAPPROF_ANNOTATION(capability("lock"))
#define HP_SCOPED_LOCKABLE HEAPPROF_ANNOTATION(scoped_lockable)
// Of data.
#define HP_GUARDED_BY(lock) HEAPPROF_ANNOTATION(guarded_by(lock))
// Of a function: its caller holds the lock; it takes it; it lets go of it; it takes it if it returns true.
#define HP_REQUIRES(...) HEAPPROF_ANNOTATION(requires_capability(__VA_ARGS__))
#define HP_ACQUIRES(...) HEAPPROF_ANNOTATION(acquire_capability(__VA_ARGS__))
#define HP_RELEASES(...) HEAPPROF_ANNOTATION(release_capability(__VA_ARGS__))
#define HP_TRY_ACQUIRES(...) HEAPPROF_ANNOTATION(try_acquire_capability(__VA_ARGS__))
// Of a function whose locking the analysis cannot follow: around a fork.
#define HP_NOT_ANALYSED HEAPPROF_ANNOTATION(no_thread_safety_analysis)

#endif  // HEAPPROF_BASE_LOCK_ANNOTATIONS_H_
