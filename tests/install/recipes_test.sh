#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The recipes of packaging/, filled in for the tarball that install.tarball left: Meson's by a project that uses it; the others, whose tools
# Debian does not have or not of that version, as far as they can be read.
# recipes_test.sh SOURCE TARBALL_FOLDER SCRATCH CC CXX
set -euo pipefail
source=$1 scratch=$3
export CC=$4 CXX=$5
fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$scratch"
mkdir -p "$scratch/project/subprojects"
tarball=$(echo "$2"/heapprof-*-linux-*.tar.xz)
arch=${tarball##*-linux-} arch=${arch%.tar.xz}
"$source/scripts/recipes" "$scratch/recipes" "file://$2" "$tarball"
! grep -rnE '@[A-Z0-9_]+@' "$scratch/recipes" || fail "something was not filled in"

echo "== Conan, vcpkg, Bazel: read"
for file in conan/conanfile.py conan/test_package/conanfile.py; do
  /usr/bin/python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$scratch/recipes/$file" || fail "$file"
done
/usr/bin/python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["name"] == "heapprof"' "$scratch/recipes/vcpkg/vcpkg.json"
sums="$(sha256sum < "$tarball") $(sha512sum < "$tarball")"
for sum in ${sums//-/}; do grep -rq "$sum" "$scratch/recipes" || fail "no recipe has the sum $sum"; done
for name in conan vcpkg bazel; do grep -rq 'NOT TESTED' "$scratch/recipes/$name" || fail "$name does not say that it is not tested"; done

echo "== vcpkg: the port, with functions in place of vcpkg's that do what those do of it"
cat > "$scratch/port.cmake" << CMAKE
set(PORT heapprof)
set(CURRENT_PACKAGES_DIR $scratch/port)
set(VCPKG_TARGET_ARCHITECTURE $([ "$arch" = x86_64 ] && echo x64 || echo arm64))
function(vcpkg_download_distfile out)
  set(\${out} $tarball PARENT_SCOPE)
endfunction()
function(vcpkg_extract_source_archive out)
  file(ARCHIVE_EXTRACT INPUT $tarball DESTINATION $scratch/port_source)
  set(\${out} $scratch/port_source/$(basename "$tarball" .tar.xz) PARENT_SCOPE)
endfunction()
function(vcpkg_install_copyright)
  list(REMOVE_AT ARGN 0)
  file(INSTALL \${ARGN} DESTINATION $scratch/port/share/heapprof)
endfunction()
function(vcpkg_cmake_config_fixup)
  if(NOT VCPKG_BUILD_TYPE STREQUAL release AND NOT EXISTS $scratch/port/debug/lib/cmake/heapprof)
    message(FATAL_ERROR "vcpkg wants a build for debugging")
  endif()
  file(COPY $scratch/port/lib/cmake/heapprof/ DESTINATION $scratch/port/share/heapprof)
  file(REMOVE_RECURSE $scratch/port/lib/cmake)
endfunction()
include($scratch/recipes/vcpkg/portfile.cmake)
CMAKE
cmake -P "$scratch/port.cmake" > "$scratch/port.log" 2>&1 || { cat "$scratch/port.log"; fail "the port"; }
for file in tools/heapprof/heapprof include/heapprof/heapprof.h share/heapprof/heapprofConfig.cmake share/heapprof/LICENSE; do
  [ -e "$scratch/port/$file" ] || fail "the port installs no $file"
done

echo "== Meson"
command -v meson > /dev/null || { echo "skipped: no meson"; exit 77; }
cd "$scratch/project"
cp "$scratch/recipes/meson/$arch/heapprof.wrap" subprojects/
cp -r "$scratch/recipes/meson/packagefiles" subprojects/
cp "$scratch/recipes/test_program.c" "$source/tests/install/consumer/quiet.c" .
cat > meson.build << 'MESON'
project('consumer', 'c', 'cpp')
foreach kind : ['heapprof', 'heapprof_static']
  executable('uses_' + kind, 'test_program.c', dependencies: dependency(kind))
  executable('quiet_' + kind, 'quiet.c', dependencies: dependency(kind), link_args: '-Wl,--as-needed')
endforeach
MESON
{ /usr/bin/python3 "$(command -v meson)" setup build && ninja -C build; } > log 2>&1 || { cat log; fail "meson"; }
for kind in heapprof heapprof_static; do
  ./build/uses_$kind || fail "uses_$kind: status $?"
  HEAPPROF_OPTIONS="dump_at_exit=1:output=$scratch/$kind" ./build/quiet_$kind
  [ -e "$scratch/$kind.heap.pb.gz" ] || fail "no library in quiet_$kind"
done
readelf -d build/quiet_heapprof | grep 'NEEDED.*libheapprof\.so\.0' > /dev/null || fail "the shared library was dropped"
! readelf -d build/quiet_heapprof_static | grep 'NEEDED.*libheapprof' || fail "the static dependency takes the shared library"
echo "good"
