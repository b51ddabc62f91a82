#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# scripts/abi passes what may differ from the last release, and nothing else. Each case is a tree with its own header and list.
# abi_test.sh SOURCE BUILD SCRATCH
set -euo pipefail
source=$1 build=$2 scratch=$3
fail() { echo "FAILED: $*" >&2; exit 1; }
command -v abidiff > /dev/null || { echo "skipped: no abidiff (package abigail-tools)"; exit 77; }
rm -rf "$scratch"

tree() {  # NAME: a copy of what the script reads
  mkdir -p "$scratch/$1/alloc" "$scratch/$1/scripts"
  cp -r "$source/include" "$scratch/$1/"
  cp -r "$source/alloc/abi" "$source/alloc/exports.txt" "$scratch/$1/alloc/"
  cp "$source/scripts/abi" "$source/scripts/common.sh" "$scratch/$1/scripts/"
  header=$scratch/$1/include/heapprof/heapprof.h
}
abi() { HEAPPROF_BUILD=${2:-$build} "$scratch/$1/scripts/abi" > "$scratch/$1.log" 2>&1; }  # NAME [BUILD]
passes() { abi "$@" || { cat "$scratch/$1.log"; fail "$1 is refused"; }; }
refused() {  # TEXT NAME [BUILD]
  local text=$1
  shift
  ! abi "$@" || fail "$1 passes"
  grep -Eq "$text" "$scratch/$1.log" || { cat "$scratch/$1.log"; fail "$1: no word of $text"; }
}

tree same
passes same

tree field_at_the_end
sed -i '/^struct heapprof_http_request {/,/^}/s/^}/  int added;\n}/' "$header"
passes field_at_the_end

tree field_in_between
sed -i '/^struct heapprof_http_request {/,/^}/s/^  const char\* method;/  int added;\n&/' "$header"
refused heapprof_http_request field_in_between

tree argument
sed -i 's/^int heapprof_dump_heap(const char\* path);/int heapprof_dump_heap(const char* path, int more);/' "$header"
refused heapprof_dump_heap argument

# A library without one of the names.
tree name_gone
mkdir -p "$scratch/build/alloc"
cp "$build/alloc/libheapprof.so.0" "$scratch/build/alloc/libheapprof.so.0"
sed -i 's/heapprof_leak_mark/heapprof_leak_marx/g' "$scratch/build/alloc/libheapprof.so.0"
refused heapprof_leak_mark name_gone "$scratch/build"

# And without its version.
tree version_gone
cp --remove-destination "$build/alloc/libheapprof.so.0" "$scratch/build/alloc/libheapprof.so.0"
sed -i 's/HEAPPROF_0/HEAPPROF_1/g' "$scratch/build/alloc/libheapprof.so.0"
refused HEAPPROF_0 version_gone "$scratch/build"
echo "good"
