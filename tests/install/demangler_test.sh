#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What cmake/heapprof_demangler.cmake makes of a demangler beside which a function that nobody calls needs libstdc++; and that it refuses
# one that needs it itself. demangler_test.sh CMAKE SOURCE SCRATCH CC CXX
set -euo pipefail
cmake=$1 source=$2 scratch=$3 cc=$4 cxx=$5
fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"

archive() {  # NAME EXPRESSION: an archive whose Demangle returns what EXPRESSION says
  cat > "$1.cc" << CXX
#include <string>
namespace absl::debugging_internal {
std::string DemangleString(const char* name) {
  std::string text;
  text.append(name);
  return text;
}
bool Demangle(const char* name, char* out, size_t size) { return $2; }
}  // namespace absl::debugging_internal
CXX
  "$cxx" -std=c++17 -O2 -fPIC -c "$1.cc" -o "$1.o"
  ar rcs "$1.a" "$1.o"
}
make() {  # NAME
  "$cmake" -DOUTPUT="$scratch/$1.private.a" -DAR=ar -DNM=nm -DOBJCOPY=objcopy -DOBJDUMP=objdump -DLD=ld.bfd -DCC="$cc" \
    -P "$source/cmake/heapprof_demangler.cmake" -- "$scratch/$1.a" > "$1.log" 2>&1
}

archive good 'size > 1 && *out == *name'
nm -u good.a | grep -q _ZNSt || fail "the archive does not need libstdc++: nothing is tested"
make good || { cat good.log; fail "the good one is refused"; }
! nm -u good.private.a | grep -E ' (_ZN?K?St|__cxa)' || fail "libstdc++ is still wanted"
nm -g good.private.a | grep -q 'T _ZN4absl18debugging_internal8Demangle' || fail "the demangler is not there"
! nm -g good.private.a | grep -E '[TD] (_ZN?K?St|__cxa)' || fail "names of libstdc++ leave the archive"

archive bad 'DemangleString(name).size() < size && *out == 0'
! make bad || fail "one that needs libstdc++ passes"
tr -s ' \n' ' ' < bad.log | grep -q "needs libstdc++: _ZN4absl18debugging_internal8Demangle" ||
  { cat bad.log; fail "no word of who needs it"; }
echo good
