// SPDX-License-Identifier: Apache-2.0
// Wall-clock profiles: what starts and stops them, and their file.
//
// A profile is kept in memory while it runs, and written when it is stopped: to the descriptor that the call
// that started it gave, or to the next file of the pattern `output` with ".wall.pb.gz" (option). Files of
// wall-clock profiles have a count of their own.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never; memory is mapped when a profile starts.
#ifndef HEAPPROF_PROFILES_WALL_PROFILE_H_
#define HEAPPROF_PROFILES_WALL_PROFILE_H_

#include "proto/byte_sink.h"

namespace heapprof {

// For the C interface. 0 or -errno; see include/heapprof/heapprof.h.
int StartWallProfile(int fd, int hz);
int StopWallProfile();

// For who takes the profile himself, when he ends it: for any other its end is -EBUSY meanwhile. At the end
// of the program it is thrown away.
int StartWallProfileForCaller(int hz);
int StopWallProfileForCaller(ByteSink* sink);

// Does what the option wall_at_start asks for. Called once, when libc can be called.
void StartWallProfileAtStart();
// Stops the profile that runs and writes it; to a descriptor only if that is still the file that it was.
void StopWallProfileAtExit();
// The child has no profile, but begins one if all of its parent's life is profiled (wall_at_start), unless it
// is a copy of the process that is found out only now.
void WallProfileAfterForkInChild(bool copied);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WALL_PROFILE_H_
