#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# scripts/release begins only where all is ready, and says what is not. (scripts/nightly makes a whole one, as a dry run.)
# release_test.sh SOURCE SCRATCH
set -euo pipefail
source=$1 scratch=$2
fail() { echo "FAILED: $*" >&2; exit 1; }
rm -rf "$scratch"
mkdir -p "$scratch/scripts" "$scratch/include/heapprof" "$scratch/docs/man"
cd "$scratch"
cp "$source/scripts/release" "$source/scripts/common.sh" scripts/
# Where all is ready the tests are next; these fail, and end it.
printf '#!/bin/sh\necho tests ran\nexit 3\n' > scripts/test
chmod +x scripts/test
printf '#define HEAPPROF_VERSION "0.2.0"\n' > include/heapprof/heapprof.h
for page in 1 3; do printf '.TH HEAPPROF %s "2026" "heapprof 0.2.0" "x"\n' $page > docs/man/heapprof.$page; done
printf '# Changes\n\n## Unreleased\n\n## 0.2.0\n\n### Added\n- Something.\n\n## 0.1.0\n\nFirst.\n' > CHANGELOG.md
echo build/ > .gitignore
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
git init -q .
git add -A
git commit -qm first

release() { scripts/release "$@" > build/log 2>&1; }
refused() {  # TEXT WORDS...
  local text=$1
  shift
  mkdir -p build
  ! release "$@" || fail "a release of $*"
  grep -q "$text" build/log || { cat build/log; fail "no word of: $text"; }
  ! grep -q 'tests ran' build/log || fail "tests ran: $text"
  git checkout -q .
}
mkdir -p build
! release 0.2.0 || fail "a release without tests"
grep -q 'tests ran' build/log || { cat build/log; fail "a tree that is ready is refused"; }
[ -z "$(git tag)" ] || fail "a tag in spite of tests that fail"

refused usage
refused usage 1
refused usage 0.2.0 0.3.0
refused 'heapprof.h says 0.2.0' 0.3.0
sed -i s/0.2.0/0.1.9/ docs/man/heapprof.3
refused 'heapprof.3 does not say heapprof 0.2.0' 0.2.0
sed -i 's/^## 0.2.0/## 0.2.1/' CHANGELOG.md
refused 'no section ## 0.2.0' 0.2.0
sed -i 's/^## Unreleased/&\n\n- More./' CHANGELOG.md
refused 'changes under Unreleased' 0.2.0
echo more >> scripts/common.sh
refused 'not committed' 0.2.0
git tag v0.2.0
refused 'there is a tag v0.2.0' 0.2.0
echo "good"
