#!/bin/bash
# Makes the Debian packages and looks into them.
# packages_test.sh CPACK BUILD SCRATCH VERSION
set -euo pipefail
cpack=$1 build=$2 scratch=$3 version=$4

fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$scratch"
mkdir -p "$scratch"
"$cpack" --config "$build/CPackConfig.cmake" -B "$scratch" > "$scratch/log" || { cat "$scratch/log"; fail cpack; }

package() {  # NAME
  local file=$(echo "$scratch/$1"_"$version"_*.deb)
  [ -e "$file" ] || fail "no package $1"
  echo "$file"
}
holds() {  # NAME PATTERN
  dpkg-deb --fsys-tarfile "$(package "$1")" | tar -t | grep -Eq "$2" || fail "$1 does not hold $2"
}
field() { dpkg-deb --field "$(package "$1")" "$2"; }

holds libheapprof0 '^\./usr/lib/.*libheapprof\.so\.0$'
holds libheapprof0 '^\./usr/share/doc/libheapprof0/copyright$'
holds libheapprof-dev '^\./usr/lib/.*libheapprof\.so$'
holds libheapprof-dev '^\./usr/lib/.*libheapprof\.a$'
holds libheapprof-dev '^\./usr/lib/.*pkgconfig/heapprof\.pc$'
holds libheapprof-dev '^\./usr/lib/.*cmake/heapprof/heapprofConfig\.cmake$'
holds libheapprof-dev '^\./usr/include/heapprof/heapprof\.hpp$'
holds heapprof '^\./usr/bin/heapprof$'
holds heapprof '^\./usr/share/man/man1/heapprof\.1$'
! dpkg-deb --fsys-tarfile "$(package heapprof)" | tar -t | grep -q libheapprof || fail "the command's package holds the library"
field libheapprof0 Depends | grep -q 'libc6 (>= ' || fail "libheapprof0 does not depend on libc6"
field heapprof Depends | grep -q "libheapprof0 (= $version)" || fail "heapprof does not depend on its library"
field heapprof Depends | grep -q 'zlib1g' || fail "heapprof does not depend on zlib"
field libheapprof-dev Depends | grep -q "libheapprof0 (= $version)" || fail "libheapprof-dev does not depend on its library"
echo "good"
