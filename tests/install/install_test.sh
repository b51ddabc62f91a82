#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the build tree into a folder, moves that folder, and builds and runs projects against it.
# install_test.sh CMAKE BUILD SOURCE SCRATCH CC CXX
set -euo pipefail
export XDG_CACHE_HOME=/dev/null  # no names are kept in the cache of the user
cmake=$1 build=$2 source=$3 scratch=$4 cc=$5 cxx=$6

fail() { echo "FAILED: $*" >&2; exit 1; }
need() { [ -e "$1" ] || fail "$1 is missing"; }

work=$scratch/tree
rm -rf "$work"
mkdir -p "$work/run"
"$cmake" --install "$build" --prefix "$work/first" > "$work/install.log" || { cat "$work/install.log"; fail install; }
# What was found by its absolute place would now be lost.
mv "$work/first" "$work/prefix"
prefix=$work/prefix
libdir=$(dirname "$(find "$prefix" -name libheapprof.a)")

need "$libdir/libheapprof.so.0"
need "$libdir/libheapprof.so"
need "$prefix/include/heapprof/heapprof.h"
need "$prefix/include/heapprof/heapprof.hpp"
need "$prefix/include/heapprof/gtest.h"
need "$prefix/share/man/man1/heapprof.1"
need "$prefix/share/man/man3/heapprof.3"
need "$prefix/share/doc/heapprof/copyright"

# The program dumps at its exit if, and only if, the library is in it.
expect_library() {  # PROGRAM
  local out=$work/run/$(basename "$1")
  rm -f "$out".*
  HEAPPROF_OPTIONS="dump_at_exit=1:output=$out" LD_LIBRARY_PATH=$libdir timeout 60 "$1" || fail "$1: status $?"
  need "$out.heap.pb.gz"
  "$prefix/bin/heapprof" info "$out.heap.pb.gz" > /dev/null || fail "info of $1"
}
expect_in_use() {  # PROGRAM
  local out=$work/run/$(basename "$1").api.heap.pb.gz
  LD_LIBRARY_PATH=$libdir timeout 60 "$1" "$out" || fail "$1: status $?"
  local bytes
  bytes=$("$prefix/bin/heapprof" info "$out" | awk '$1 == "inuse_space" { print $2 }' | tail -1)
  [ "$bytes" -ge 12345678 ] && [ "$bytes" -lt 13345678 ] || fail "$1: $bytes bytes in use"
}
needs_shared() { readelf -d "$1" | grep 'NEEDED.*libheapprof\.so\.0' > /dev/null; }

echo "== the command finds the library of its tree"
"$prefix/bin/heapprof" run --exit-dump --output "$work/run/ls" -- ls / > /dev/null
need "$work/run/ls.heap.pb.gz"

echo "== the headers pass the warnings of a program that takes them by -I"
check_header() {  # HEADER COMPILER OPTIONS...
  printf '#include <heapprof/%s>\n' "$1" | "${@:2}" -I"$prefix/include" -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
    -Wold-style-cast -Werror -fsyntax-only - || fail "$1 under ${*:2}"
}
printf '#include <heapprof/heapprof.h>\n' | "$cc" -xc -std=c99 -I"$prefix/include" -Wall -Wextra -Wpedantic -Wshadow \
  -Wconversion -Wstrict-prototypes -Werror -fsyntax-only - || fail "heapprof.h in C"
check_header heapprof.h "$cxx" -xc++ -std=c++11
check_header heapprof.hpp "$cxx" -xc++ -std=c++11
check_header heapprof.hpp "$cxx" -xc++ -std=c++17
check_header gtest.h "$cxx" -xc++ -std=c++14
check_header gtest.h "$cxx" -xc++ -std=c++17

echo "== CMake package"
CC=$cc CXX=$cxx "$cmake" -S "$source/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix" > "$work/configure.log" ||
  { cat "$work/configure.log"; fail configure; }
"$cmake" --build "$work/consumer" > "$work/build.log" || { cat "$work/build.log"; fail build; }
for kind in heapprof heapprof_static; do
  expect_library "$work/consumer/quiet_$kind"
  expect_in_use "$work/consumer/api_$kind"
done
needs_shared "$work/consumer/quiet_heapprof" || fail "the library was dropped from a program that calls no malloc"
! needs_shared "$work/consumer/quiet_heapprof_static" || fail "the static target links the shared library"

echo "== pkg-config"
export PKG_CONFIG_PATH=$libdir/pkgconfig
[ "$(pkg-config --modversion heapprof)" != "" ] || fail "no version"
"$cc" "$source/consumer/quiet.c" $(pkg-config --cflags heapprof) -Wl,--as-needed $(pkg-config --libs heapprof) -o "$work/quiet_pc"
needs_shared "$work/quiet_pc" || fail "the library was dropped by the flags of pkg-config"
expect_library "$work/quiet_pc"
"$cxx" -std=c++17 "$source/consumer/api.cc" $(pkg-config --cflags --libs heapprof) -o "$work/api_pc"
expect_in_use "$work/api_pc"

echo "== a program that was linked with a library without versions"
# As libheapprof.so.0 was before its names had one.
mkdir "$work/unversioned"
printf 'int heapprof_set_sample_interval(unsigned long n) { return n != 0; }\n%s\n' \
  'unsigned long heapprof_sample_interval(void) { return 0; }' |
  "$cc" -xc -shared -fPIC - -Wl,-soname,libheapprof.so.0 -o "$work/unversioned/libheapprof.so"
printf 'int heapprof_set_sample_interval(unsigned long);\nunsigned long heapprof_sample_interval(void);\n%s\n' \
  'int main(void) { return heapprof_set_sample_interval(77) == 0 && heapprof_sample_interval() == 77 ? 0 : 1; }' |
  "$cc" -xc - -L"$work/unversioned" -lheapprof -o "$work/older"
! readelf -V "$work/older" | grep HEAPPROF || fail "the older program has versions"
LD_LIBRARY_PATH=$libdir "$work/older" 2> "$work/older.log" || fail "the older program does not run"
[ ! -s "$work/older.log" ] || { cat "$work/older.log"; fail "the loader has something to say"; }
readelf -V "$work/api_pc" | grep HEAPPROF_0 > /dev/null || fail "a program of today has no version"

echo "== pkg-config, the archive alone"
mkdir "$work/archive"
cp "$libdir/libheapprof.a" "$work/archive/"
"$cc" "$source/consumer/quiet.c" -L"$work/archive" $(pkg-config --static --libs heapprof | sed "s,-L[^ ]*,,") -o "$work/quiet_pc_static"
! needs_shared "$work/quiet_pc_static" || fail "the archive was not taken"
expect_library "$work/quiet_pc_static"
echo "== tests that are checked for leaks"
CC=$cc CXX=$cxx "$cmake" -S "$source/leaks" -B "$work/leaks" -DCMAKE_PREFIX_PATH="$prefix" > "$work/configure.log" ||
  { cat "$work/configure.log"; fail configure; }
"$cmake" --build "$work/leaks" > "$work/build.log" || { cat "$work/build.log"; fail build; }
ctest=$(dirname "$cmake")/ctest
[ -x "$ctest" ] || ctest=ctest
(cd "$work/leaks" && "$ctest" -T MemCheck) > "$work/memcheck.log" 2>&1 && fail "leaks went unnoticed"
memcheck() { grep -q "$1" "$work/memcheck.log" || { cat "$work/memcheck.log"; fail "MemCheck: no line $1"; }; }
memcheck "plain.clean .*Passed"
memcheck "plain.known .*Passed"
memcheck "plain.leaks .*Defects: 2"       # two places; the third is suppressed
memcheck "launched.Tests.Clean .*Passed"
memcheck "launched.Tests.FillsACache .*Passed"
memcheck "launched.Tests.Leaks .*Defects: 1"
memcheck "launched.Tests.LeaksInAThread .*Defects: 1"
memcheck "Direct leak - 5"
LD_LIBRARY_PATH=$libdir timeout 60 "$work/leaks/listener_tests" --gtest_output="xml:$work/leaks.xml" > "$work/listener.log" \
  && fail "the listener let leaks pass"
listener() { grep -q "$1" "$work/listener.log" || { cat "$work/listener.log"; fail "listener: no line $1"; }; }
listener "Tests.Leaks leaks 150 byte(s) in 3 block(s)"
listener "Tests.LeaksInAThread leaks 70 byte(s) in 1 block(s)"
listener "in .*LeakOnce"
listener "PASSED.* 4 tests"
grep -q '<property name="leaked_bytes" value="150"/>' "$work/leaks.xml" || fail "no property in the XML"
unrecorded() { HEAPPROF_OPTIONS=sample_interval=512k LD_LIBRARY_PATH=$libdir timeout 60 "$work/leaks/listener_tests" "$@" \
  > "$work/listener.log" 2>&1; }
unrecorded && fail "the listener let unchecked tests pass"
listener "Tests.Clean is not checked for leaks: not every allocation is recorded"
listener "PASSED.* 1 test"  # the exempt one
unrecorded --tell || { cat "$work/listener.log"; fail "Unchecked::kTell failed tests"; }
listener "heapprof: tests are not checked for leaks: not every"
echo "good"
