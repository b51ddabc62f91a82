#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first program of the system that boot.sh boots.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
ifconfig lo 127.0.0.1 up
cd /tmp
. /etc/place
export ROOT SHORT
sh /script
echo "system: ended after $(cut -d ' ' -f 1 /proc/uptime) s"
poweroff -f
