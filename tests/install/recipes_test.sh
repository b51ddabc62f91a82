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
