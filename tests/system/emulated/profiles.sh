# SPDX-License-Identifier: Apache-2.0
# Profiles of known programs, made in the system and printed in base64, as received.py reads them: what qemu-user cannot
# make, which is a wall-clock profile, CPU ticks where they belong, and a dump by SIGUSR2 while threads run.
programs=$ROOT/build/arm64/tests/system
export LD_PRELOAD=$ROOT/build/arm64/alloc/libheapprof.so.0
folder=$(mktemp -d)
cd "$folder"
"$programs/wall/wall_waits" shares 200 1500 > out || cat out
"$programs/cpu/shares" shares shares.cpu.pb.gz 200 1000 > out || cat out
mkdir dump
HEAPPROF_OPTIONS=sample_interval=1:output=dump/p.%n "$programs/cpu/shares" shares dump/ticks 10 20000 > out &
running=$!
tries=0  # of a tenth of a second: for its threads, and for the file
while [ -z "$(ls dump/*.heap.pb.gz 2> /dev/null)" ] && [ $tries -lt 200 ]; do
  if [ -n "$(ls /proc/$running/task | sed -n 4p)" ]; then kill -USR2 $running; fi
  tries=$((tries + 1))
  sleep 0.1
done
kill $running
unset LD_PRELOAD
for file in *.pb.gz dump/*.heap.pb.gz; do
  echo "profile $file"
  base64 "$file"
  echo "profile ends"
done
cd /
rm -rf "$folder"
