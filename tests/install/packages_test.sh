#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian packages and looks into them.
# packages_test.sh CPACK BUILD SCRATCH VERSION
set -euo pipefail
cpack=$1 build=$2 scratch=$3 version=$4

fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$scratch"
mkdir -p "$scratch"
"$cpack" --config "$build/CPackConfig.cmake" -B "$scratch" > "$scratch/log" || { cat "$scratch/log"; fail cpack; }

package() {  # NAME
  local file
  file=$(echo "$scratch/$1"_"$version"_*.deb)
  [ -e "$file" ] || fail "no package $1"
  echo "$file"
}
for name in libheapprof0 libheapprof-dev heapprof; do
  dpkg-deb --fsys-tarfile "$(package $name)" | tar -t > "$scratch/$name.files"
  dpkg-deb --field "$(package $name)" Depends > "$scratch/$name.depends"
done
holds() { grep -Eq "$2" "$scratch/$1.files" || fail "$1 does not hold $2"; }            # NAME PATTERN
depends() { grep -Fq "$2" "$scratch/$1.depends" || fail "$1 does not depend on $2"; }  # NAME TEXT

holds libheapprof0 '^\./usr/lib/.*libheapprof\.so\.0$'
holds libheapprof0 '^\./usr/share/doc/libheapprof0/copyright$'
notice() {  # PACKAGE TEXT
  dpkg-deb --fsys-tarfile "$(package "$1")" | tar -xO "./usr/share/doc/$1/copyright" > "$scratch/copyright"
  grep -Fq "$2" "$scratch/copyright" || fail "the copyright of $1 does not have: $2"
}
for name in libheapprof0 libheapprof-dev; do
  notice $name 'Jason Evans <jasone@canonware.com>'
  notice $name 'Jean-loup Gailly and Mark Adler'
  notice $name 'The Abseil Authors'
done
notice heapprof 'University of Cincinnati'
notice heapprof 'Mapbox'
notice heapprof 'GNU Lesser General Public License'
notice heapprof 'Apache License'
holds heapprof '^\./usr/share/doc/heapprof/LGPL-3$'
# What the README links to.
for page in $(grep -o '(docs/[a-z/-]*\.md)' "$(dirname "$0")/../../README.md" | tr -d '()' | sort -u); do
  holds heapprof "^\./usr/share/doc/heapprof/$page\$"
done
holds libheapprof-dev '^\./usr/lib/.*libheapprof\.so$'
holds libheapprof-dev '^\./usr/lib/.*libheapprof\.a$'
holds libheapprof-dev '^\./usr/lib/.*pkgconfig/heapprof\.pc$'
holds libheapprof-dev '^\./usr/lib/.*cmake/heapprof/heapprofConfig\.cmake$'
holds libheapprof-dev '^\./usr/include/heapprof/heapprof\.hpp$'
holds heapprof '^\./usr/bin/heapprof$'
holds heapprof '^\./usr/share/man/man1/heapprof\.1\.gz$'
! grep -q libheapprof "$scratch/heapprof.files" || fail "the command's package holds the library"
depends libheapprof0 'libc6 (>= 2.28)'
for name in libheapprof0 libheapprof-dev heapprof; do holds $name "^\./usr/share/doc/$name/changelog\.gz\$"; done
dpkg-deb --ctrl-tarfile "$(package libheapprof0)" | tar -xO ./shlibs > "$scratch/shlibs"
grep -qx "libheapprof 0 libheapprof0 (>= $version)" "$scratch/shlibs" || { cat "$scratch/shlibs"; fail "shlibs of libheapprof0"; }
depends heapprof "libheapprof0 (= $version)"
depends heapprof zlib1g
depends libheapprof-dev "libheapprof0 (= $version)"

# What Debian asks of packages; what is let through stands with its reason in cmake/deb/*.overrides. This build is not for /usr, so that
# its libraries are in no folder of the architecture.
if command -v lintian > /dev/null; then
  lintian --allow-root --display-info --fail-on error,warning --suppress-tags pkg-config-unavailable-for-cross-compilation \
    "$scratch"/*.deb > "$scratch/lintian" 2>&1 || { cat "$scratch/lintian"; fail "lintian"; }
  ! grep unused-override "$scratch/lintian" || fail "an override is not needed"
fi
echo "good"
