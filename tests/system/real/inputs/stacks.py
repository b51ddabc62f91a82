# SPDX-License-Identifier: Apache-2.0
# For gdb: a line for each thread, its id and the addresses of its frames. Without inlined ones, those that gdb makes up where a
# function was left by a jump to another, and the library's own, which it takes off its stacks.
import gdb

gdb.execute("set backtrace past-main on")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    addresses, frame = [], gdb.newest_frame()
    while frame is not None:
        library = gdb.solib_name(frame.pc()) or ""
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME) and "libheapprof" not in library:
            addresses.append("%x" % frame.pc())
        frame = frame.older()
    print("thread", thread.ptid[1], *addresses)
