/* SPDX-License-Identifier: Apache-2.0 */
/* heapprof: a malloc with a heap profiler in it. The C interface.
 *
 * Functions return 0 or a negative errno value. They never throw, and any thread may call them. Those marked
 * [signal-safe] may be called from a signal handler too, and need no heap.
 * A program reaches them by linking -lheapprof; under LD_PRELOAD declare them weak and test for NULL.
 */
#ifndef HEAPPROF_HEAPPROF_H_
#define HEAPPROF_HEAPPROF_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header, "x.y.z". heapprof_version() returns that of the library which the program runs
 * with. [signal-safe] */
#define HEAPPROF_VERSION "0.1.0"
const char* heapprof_version(void);

/* Writes a heap profile (gzip'd profile.proto) to the file `path`. The file appears complete or not at all.
 * If `path` is NULL, the option `output` names the file. [signal-safe]
 * Errors: -EACCES, -ENOSPC, -EFBIG, ... of the file; one line on stderr says which. */
int heapprof_dump_heap(const char* path);

/* Writes a profile to the descriptor `fd`. `name` is "heap", "allocs", "peak" (what was in use when the
 * bytes in use were highest), "growth" (what was gained over the last minute, ten minutes, hour and day),
 * "lifetimes" (how long blocks lived, if the option of that name is set), "memory" (resident memory, whole,
 * by cause and stack), "threadcreate", "threads", "block" and "mutex" (what threads waited for each other, by
 * who waited and by who unlocked; see heapprof_set_contention_interval), or the name of a profile that the
 * program has made. debug 0: gzip'd profile.proto. debug 1: text with symbols.
 * The heap's text has the allocator's statistics, but not when a signal handler makes the call. debug 2: of
 * "threads" only: text, a paragraph for each thread. "threads" (or "goroutine", its name in Go) is where all
 * threads are now. Each is stopped for some ten microseconds, by tracing, and goes on with the call that it
 * waited in; where tracing is forbidden a signal that libc keeps for itself stands in, as for a leak check. A
 * thread that cannot be stopped (vfork, sleep that nothing interrupts) is named with the reason. 0 means that
 * the profile was written completely. Short writes are continued. If `fd` is a full pipe, the call waits for
 * the reader, and the thread's signals are delivered meanwhile. [signal-safe] Errors: -ENOENT no such
 * profile, -EINVAL bad debug, -EBADF, -EPIPE (raises no SIGPIPE), -EFBIG (raises no SIGXFSZ), ... of the
 * write. */
int heapprof_write_profile(const char* name, int fd, int debug);

/* Sets the mean number of bytes between samples: 0 = off, 1 = every allocation. Takes effect in every thread
 * at once; samples already taken keep the interval they were taken with, so that estimates stay unbiased.
 * More than 2^47 counts as that. Errors: none today; 0 is returned. [signal-safe] */
int heapprof_set_sample_interval(size_t bytes);

/* The mean number of bytes between samples now in force. [signal-safe] */
size_t heapprof_sample_interval(void);

/* Sets the mean time of waiting between samples of the profiles "block" and "mutex", in nanoseconds: 0 = off,
 * 1 = every wait. What was sampled before stays in the profiles. Switching on takes some milliseconds in a
 * program of many modules. Not for signal handlers. Errors: -EINVAL more than an hour; -ENOTSUP the program
 * is linked with -static. */
int heapprof_set_contention_interval(uint64_t nanoseconds);

/* The interval now in force. [signal-safe] */
uint64_t heapprof_contention_interval(void);

/* The profile "peak" tells of the time from now on; without, of the time since the start of the process.
 * Errors: none today; 0 is returned. [signal-safe] */
int heapprof_reset_peak(void);

/* Sets an option of HEAPPROF_OPTIONS while the program runs; `value` is as it would stand there. Those that
 * can change: sample_interval, contention_interval, dump_every, dump_every_allocated, dump_on_growth,
 * dump_at_memory, keep_dumps. What an option counts (time, bytes, growth) counts from the call on, and a
 * child of fork inherits it. Not for signal handlers. Errors: -ENOENT there is no such option; -EPERM it
 * holds from the start to the end; -EINVAL a bad value, or NULL; -ENOTSUP contention_interval, and the
 * program is linked with -static. The option is then as it was. */
int heapprof_set_option(const char* name, const char* value);

/* Writes the value in force of an option to `buffer` of `size` bytes, as text that the option would read.
 * [signal-safe] Errors: -ENOENT there is no such option; -ERANGE it does not fit, and is cut; -EINVAL name or
 * buffer is NULL, or size 0. */
int heapprof_option(const char* name, char* buffer, size_t size);

/* The name of the n-th option, from 0 on; NULL beyond the last. [signal-safe] */
const char* heapprof_option_name(size_t n);

/* Begins a CPU profile of all threads, `hz` samples per second of CPU time and thread (1..4000). It is kept
 * in memory, and written to `fd` (gzip'd profile.proto) by heapprof_stop_cpu_profile, or by exit and
 * quick_exit if nobody stops it; keep the descriptor open until then. [signal-safe] Errors: -EBUSY a CPU
 * profile runs; -EINVAL hz; -EBADF fd; -EEXIST the program uses SIGPROF or ITIMER_PROF itself; -ENOMEM;
 * -EPERM a seccomp filter forbids what is needed. */
int heapprof_start_cpu_profile(int fd, int hz);

/* Ends the CPU profile that runs, whoever started it, and writes it. 0 means complete. [signal-safe]
 * Errors: -ENOENT none runs; those of the write, after which the profile is gone. */
int heapprof_stop_cpu_profile(void);

/* Begins a wall-clock profile of all threads, running or not: each is seen `hz` times a second of real time
 * (1..4000), with the label "state" (running or waiting), what it waits for ("wait"), and its own labels. A
 * process that shares this one's memory watches the threads meanwhile. The profile is kept in memory, and
 * written to `fd` by heapprof_stop_wall_profile, or by exit and quick_exit if nobody stops it; keep the
 * descriptor open until then. [signal-safe] Errors: -EBUSY a wall-clock profile runs; -EINVAL hz; -EBADF fd;
 * -ENOMEM; -EPERM a sandbox forbids what is needed; -EAGAIN too many processes; -ENOENT there is no /proc. */
int heapprof_start_wall_profile(int fd, int hz);

/* Ends the wall-clock profile that runs, whoever started it, and writes it. 0 means complete. [signal-safe]
 * Errors: -ENOENT none runs; those of the write, after which the profile is gone. */
int heapprof_stop_wall_profile(void);

/* Sets a label of the calling thread: a pair of texts that its samples carry, on heap, CPU and wall profiles.
 * NULL as value removes it. Threads that the calling one creates inherit its labels as they are then. At most
 * 16 labels in a thread, keys of 63 and values of 255 bytes, 65535 distinct sets and 262143 distinct texts in
 * a process; a set that was seen before costs no memory. Not for signal handlers. Errors: -EINVAL the key is
 * empty, "bytes", or begins with "pprof::", or a text is no UTF-8; -ENAMETOOLONG; -ENOSPC too many labels,
 * sets or texts; -ENOMEM. The labels are then as they were. */
int heapprof_labels_set(const char* key, const char* value);

/* The value of the calling thread's label `key`, good forever, or NULL. [signal-safe] */
const char* heapprof_labels_get(const char* key);

/* All labels of a thread at one moment, by number: 0 is none. A set is kept for good, so that a number may be
 * handed to any thread at any time, as a queue does with the work of a pool. */
typedef uint32_t heapprof_label_set;

/* The calling thread's labels. [signal-safe] */
heapprof_label_set heapprof_labels_capture(void);

/* Gives the calling thread these labels in place of its own. [signal-safe]
 * Errors: -EINVAL there is no such set; the labels are then as they were. */
int heapprof_labels_adopt(heapprof_label_set set);

/* A named profile. Those made here hold keys (addresses of objects, say), each with the stack that added it,
 * and show what is there now, by who made it. Built in are "heap", "allocs", "peak" and "threadcreate",
 * the stacks that made threads; "cpu" is reserved. Profiles are never deleted. */
typedef struct heapprof_profile heapprof_profile;

/* Makes a profile. NULL, and errno says why: EINVAL the name is empty, longer than 63 bytes, or no
 * UTF-8; EEXIST it is taken; ENOSPC there are 256; ENOMEM. Not for signal handlers. */
heapprof_profile* heapprof_profile_new(const char* name);

/* The profile of that name, or NULL. [signal-safe] */
heapprof_profile* heapprof_profile_lookup(const char* name);

/* Fills `out` with up to `capacity` profiles, in the order of their names. Returns how many there are.
 * [signal-safe] */
size_t heapprof_profile_list(heapprof_profile** out, size_t capacity);

/* [signal-safe] */
const char* heapprof_profile_name(const heapprof_profile* profile);

/* How many keys are in the profile; of "threadcreate" the threads made, of "heap", "allocs" and "peak" the
 * stacks with their block sizes. [signal-safe] */
size_t heapprof_profile_count(const heapprof_profile* profile);

/* Adds `key` with the stack of the caller, whose first `skip` frames are left out: 0 begins with the caller
 * of this function. Not for signal handlers. Errors: -EEXIST the key is in the profile; -EPERM the profile is
 * built in; -EINVAL profile is NULL or skip negative; -ENOMEM. */
int heapprof_profile_add(heapprof_profile* profile, const void* key, int skip);

/* The same, with a value: a count (of blocks that the key stands for, say; usually 1) and an amount of `unit`
 * ("bytes", "handles"). A profile to which a key was ever added so has two values, NAME/count and
 * amount/UNIT, each the sum over the keys that are there. The first such key fixes the unit; a key that is
 * added without a value counts 1, and has the amount 0. Sums are exact; what is written is INT64_MAX at most.
 * Not for signal handlers. Errors: those of heapprof_profile_add; -EINVAL count or amount is negative; unit
 * is NULL, empty, longer than 63 bytes, no UTF-8, or another than that of the profile. */
int heapprof_profile_add_value(heapprof_profile* profile, const void* key, int skip, int64_t count,
                               int64_t amount, const char* unit);

/* Takes `key` out, with its value if it has one; nothing happens if it is not there. Not for signal handlers.
 * Errors: -EPERM, -EINVAL. */
int heapprof_profile_remove(heapprof_profile* profile, const void* key);

/* What the profiler did so far. `size` is set by the caller to sizeof(struct heapprof_stats), so that the
 * structure may grow: a library that is older than the header sets the fields it does not know to 0. */
struct heapprof_stats {
  size_t size;
  uint64_t samples;             /* allocations recorded */
  uint64_t buckets;             /* distinct (stack, size, labels, interval) */
  uint64_t stacks;              /* distinct stacks */
  uint64_t live_samples;        /* recorded and not yet freed */
  uint64_t lost_samples;        /* recorded in totals, but under no stack or not followed to their free */
  uint64_t truncated_stacks;    /* samples whose stack could not be walked to its end */
  uint64_t metadata_bytes;      /* memory of the profiler itself, as mapped */
  uint64_t dumps;               /* profiles written */
  uint64_t failed_dumps;        /* profiles that could not be written */
  uint64_t cpu_samples;         /* ticks recorded in CPU profiles that have ended */
  uint64_t lost_cpu_samples;    /* periods of these that found no room */
  uint64_t cpu_timer_fallbacks; /* CPU profiles that had to make do with one timer for the process */
};

/* Fills in `stats`. [signal-safe] Errors: -EINVAL when stats is NULL or its size is smaller than one field.
 */
#if defined(__cplusplus) && defined(__GNUC__) /* gcc warns of a function that has a structure's name */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
int heapprof_stats(struct heapprof_stats* stats);
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/* A bucket of the heap profile: the allocations of one size by one stack with the same labels, sampled at one
 * interval. */
struct heapprof_bucket {
  size_t size;            /* sizeof(struct heapprof_bucket) of the library: what it filled in */
  const uintptr_t* stack; /* return addresses, the caller of malloc first; good during the call */
  size_t depth;           /* 0: the stack is not known, as metadata_limit was reached */
  int truncated;          /* 1: the stack could not be walked to its end */
  heapprof_label_set labels;
  uint64_t allocation_size; /* bytes of each allocation, as asked for */
  uint64_t interval;        /* mean bytes between samples then; 1 = every allocation was recorded */
  uint64_t sampled_allocations, sampled_frees;
  /* What the samples stand for, without bias; the numbers that a profile written now would have. */
  int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/* Called for each bucket, with all threads running. May allocate. A result that is not 0 ends the visit. */
typedef int (*heapprof_bucket_visitor)(void* argument, const struct heapprof_bucket* bucket);

#define HEAPPROF_SNAPSHOT_IN_USE 1u /* only buckets of which something is in use */

/* The heap profile as it is now, for the program itself. Each bucket is as of one moment; buckets may be of
 * moments that differ. 0, or what `visit` ended with. [signal-safe, if `visit` is]
 * Errors: -EINVAL visit is NULL, or a flag is not known. */
int heapprof_snapshot(heapprof_bucket_visitor visit, void* argument, unsigned flags);

/* What is allocated between two moments. Begins now; NULL, and errno says why: ENOMEM (it takes 8 bytes for
 * each bucket, within metadata_limit). Not for signal handlers. */
typedef struct heapprof_interval heapprof_interval;
heapprof_interval* heapprof_interval_begin(void);

/* Ends it, and writes the allocations since to `fd` as a profile (gzip'd profile.proto) of the types
 * alloc_objects and alloc_space; nothing is written when fd is -1. The interval is gone in any case. 0 means
 * complete. Not for signal handlers. Errors: -EINVAL interval is NULL; those of the write. */
int heapprof_interval_end(heapprof_interval* interval, int fd);

/* A request to the program's own HTTP server, for heapprof_http(). */
struct heapprof_http_request {
  size_t size;        /* sizeof(struct heapprof_http_request) */
  const char* method; /* "GET" */
  const char* target; /* as the request has it: "/debug/pprof/heap?debug=1" */
  const void* body;   /* of POST; may be NULL */
  size_t body_size;
  const char* content_type; /* of the body; may be NULL */
  const char* origin;       /* the field Origin, which browsers send; NULL: there is none */
};
struct heapprof_http_header {
  const char *name, *value;
};
/* An answer, good during the call of the writer. Its length, and what else a server says of itself, is the
 * server's to add; the answer to HEAD has the body that GET's would have. */
struct heapprof_http_response {
  size_t size; /* sizeof(struct heapprof_http_response) of the library: what it filled in */
  int status;
  const struct heapprof_http_header* headers; /* the first is Content-Type */
  size_t header_count;
  const void* body;
  size_t body_size;
};
/* Called once, with all threads running and no lock of the library's held. */
typedef void (*heapprof_http_writer)(void* argument, const struct heapprof_http_response* response);

/* Answers a request as the option http does: /debug/pprof/..., /metrics, /debug/heapprof/options. Where the
 * request says seconds=N, and for profile and wall, the call comes back after that time. Errors are answers,
 * too (404, 500). Not for signal handlers. Errors: -ENOENT the target is none of these, and nothing was
 * written; -EINVAL request, write, method or target is NULL, or the target is none. */
int heapprof_http(const struct heapprof_http_request* request, heapprof_http_writer write, void* argument);

/* Leaks: blocks that nothing in the program points to any more. Finding them stops all other threads for the
 * time it takes, and needs every allocation recorded: option leak_check, or sample_interval=1, from the
 * start. */
struct heapprof_leaks {
  size_t size;            /* set by the caller to sizeof(struct heapprof_leaks) */
  uint64_t leaked_blocks; /* unreachable, and what only such blocks point to */
  uint64_t leaked_bytes;  /* as asked for */
  uint64_t alive_blocks;  /* with HEAPPROF_LEAKS_ALIVE: all that is allocated, leaked blocks included */
  uint64_t alive_bytes;
};
#define HEAPPROF_LEAKS_ALIVE 1u /* count what is merely alive, and list it in the text */

/* Begins a scope: the blocks allocated from now on, in any thread, are those of `since` = the value returned.
 */
uint64_t heapprof_leak_mark(void);

/* Takes text in pieces; called in the thread that checks, with all threads running. */
typedef void (*heapprof_text_writer)(void* argument, const char* text, size_t size);

/* Looks for leaks among the blocks allocated since the mark (0: all). `write`, unless NULL, gets the leaks
 * with their stacks, if there are any. Suppressions hold. Not from a signal handler. Errors: -ENODATA not
 * every allocation was recorded; -EBUSY a thread could not be stopped; -EOPNOTSUPP the program's malloc is
 * not heapprof's; -EINVAL bad arguments; -ENOMEM; those
 * of reading /proc. */
int heapprof_check_leaks(uint64_t since, unsigned flags, struct heapprof_leaks* leaks,
                         heapprof_text_writer write, void* argument);

/* Blocks that the calling thread allocates between the two, which nest, are no leaks, nor is what they point
 * to. */
void heapprof_leaks_disable(void);
void heapprof_leaks_enable(void);
/* The same for one block. */
void heapprof_ignore_object(const void* block);
/* Memory that is to be searched for pointers, where it is none of: data of modules, anonymous private
 * mappings, stacks. Errors: -ENOSPC (256 regions at most), -ENOENT. */
int heapprof_register_root_region(const void* start, size_t size);
int heapprof_unregister_root_region(const void* start, size_t size);

/* The check of the option leak_check, now instead of at exit: ends the process with the option exitcode if
 * there are leaks, or if nobody can tell since not every block was recorded. */
void heapprof_do_leak_check(void);
/* The same, as often as it is called, and the program goes on. Returns 1 if there are leaks or nobody can
 * tell, else 0. */
int heapprof_do_recoverable_leak_check(void);

/* A program may define this to give suppressions of its own, one "leak:PATTERN" a line. LeakSanitizer's
 * functions
 * (__lsan_disable, __lsan_ignore_object, __lsan_do_leak_check, __lsan_default_suppressions, ...) are known as
 * well. */
const char* heapprof_default_suppressions(void);

/* A program may define this to give options of its own; HEAPPROF_OPTIONS stands over them. */
const char* heapprof_default_options(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HEAPPROF_HEAPPROF_H_ */
