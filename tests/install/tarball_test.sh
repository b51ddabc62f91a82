#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tarball, unpacked where nobody knows it: what its command needs, that it finds its library, and that a program is built by it.
# tarball_test.sh SOURCE BUILD SCRATCH CC
set -euo pipefail
export XDG_CACHE_HOME=/dev/null  # no names are kept in the cache of the user
source=$1 build=$2 scratch=$3 cc=$4
fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$scratch"
mkdir -p "$scratch/there"
export SOURCE_DATE_EPOCH=1700000000
first=$(HEAPPROF_XZ=0 "$source/scripts/tarball" "$build" "$scratch")
sum=$(sha256sum < "$first")
HEAPPROF_XZ=0 "$source/scripts/tarball" "$build" "$scratch" > /dev/null
[ "$(sha256sum < "$first")" = "$sum" ] || fail "two tarballs of one build differ"

tar -C "$scratch/there" -xJf "$first"
tree=$(echo "$scratch"/there/heapprof-*-linux-*)
needed=$(readelf -dW "$tree/bin/heapprof" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux' | sort | xargs)
[ "$needed" = "libc.so.6 libdl.so.2 libm.so.6 libpthread.so.0" ] || fail "the command needs $needed"
newest=$(find "$tree" -name libheapprof.so.0 -o -path "*/bin/heapprof" | xargs readelf -VW |
  grep -oE 'GLIBC_2\.[0-9]+' | sort -V | tail -n 1)
[ "$(printf '%s\n' GLIBC_2.28 "$newest" | sort -V | tail -n 1)" = GLIBC_2.28 ] || fail "it needs $newest"
# Nothing of the build's own folders is in them, but by debug information.
! readelf -dW "$tree/bin/heapprof" "$tree"/lib*/libheapprof.so.0 "$tree"/lib/*/libheapprof.so.0 2> /dev/null | grep -E 'RPATH|RUNPATH' ||
  fail "a path for libraries"
for word in 'Red Hat' 'Julian R Seward' 'Mark Adler' 'The RE2 Authors' 'XZ Utils'; do
  grep -q "$word" "$tree/share/doc/heapprof/copyright" || fail "no notice of $word"
done
[ -e "$tree/share/doc/heapprof/LGPL-3" ] || fail "no LGPL-3"

"$tree/bin/heapprof" run --quiet --exit-dump --interval 1 --output "$scratch/ls" -- ls / > /dev/null
"$tree/bin/heapprof" top --type alloc_space "$scratch/ls.heap.pb.gz" > "$scratch/top"
grep -q 'ls\|_IO_\|malloc' "$scratch/top" || { cat "$scratch/top"; fail "no names"; }
for libdir in "$tree"/lib "$tree"/lib/*-linux-gnu; do [ ! -d "$libdir/pkgconfig" ] || export PKG_CONFIG_PATH=$libdir/pkgconfig; done
"$cc" "$source/tests/install/consumer/quiet.c" $(pkg-config --cflags --libs heapprof) -o "$scratch/quiet"
HEAPPROF_OPTIONS="dump_at_exit=1:output=$scratch/quiet" LD_LIBRARY_PATH=$(pkg-config --variable=libdir heapprof) "$scratch/quiet"
[ -e "$scratch/quiet.heap.pb.gz" ] || fail "a program that was linked by it has no profile"
echo "good"
