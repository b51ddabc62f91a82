#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots Debian's arm64 kernel in qemu-system and runs scripts there, one after the other: boot.sh SECONDS SCRIPT...
# The system is one archive in memory: busybox, the libraries of build/sysroot/arm64, and what build/arm64 has of the library and
# of programs, at the paths that they have here (drivers were compiled with them). What the scripts print is printed.
# SHORT of the environment is theirs, too.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
seconds=$1
shift
kernel=$root/build/sysroot/arm64-kernel libraries=$root/build/sysroot/arm64/usr/lib
tree=$(mktemp -d "$root/build/system.XXXXXX")
trap 'rm -rf "$tree" "$tree.cpio"' EXIT

mkdir -p "$tree"/{bin,dev,etc,proc,root,sys,tmp,usr/lib/aarch64-linux-gnu}
ln -s usr/lib "$tree/lib"
cp -a "$kernel/bin/busybox" "$tree/bin/busybox"
cp -a "$libraries"/ld-linux-aarch64.so.1 "$tree/usr/lib/"
cp -a "$libraries"/aarch64-linux-gnu/*.so* "$tree/usr/lib/aarch64-linux-gnu/"
(cd / && find "${root#/}"/build/arm64/{alloc,tests/system,tools} "${root#/}/docs/leak-checks.md" \
  \( -type f -perm -u+x -o -type l -o -name '*.so' -o -name '*.md' \) ! -path '*/CMakeFiles/*' -print0 |
  cpio -0 -p -d -l --quiet "$tree")
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' > "$tree/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$tree/etc/group"
printf '127.0.0.1 localhost\n' > "$tree/etc/hosts"
printf 'ROOT=%q SHORT=%q\n' "$root" "${SHORT-}" > "$tree/etc/place"
cp "$root/tests/system/emulated/init.sh" "$tree/init"
cat "$@" > "$tree/script"
chmod 755 "$tree/init" "$tree"
chmod 1777 "$tree/tmp"
(cd "$tree" && find . -print0 | cpio -0 -o -H newc --quiet -R 0:0) > "$tree.cpio"

# Pointers are signed by the emulator's own function: QARMA takes it ten times as long.
timeout "$seconds" qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -smp 2 -m 1500 -nographic -nic none -no-reboot \
  -kernel "$kernel"/boot/vmlinuz-* -initrd "$tree.cpio" -append "console=ttyAMA0 quiet panic=-1" < /dev/null 2>&1 | tr -d '\r'
