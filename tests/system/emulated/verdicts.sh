# SPDX-License-Identifier: Apache-2.0
# The status of each leak scenario under the library, of which BUILD has the programs: verdict NAME STATUS.
BUILD=${BUILD:-$ROOT/build/arm64}
folder=$(mktemp -d)
cd "$BUILD/tests/system/leak" || exit 1
for scenario in $(./leak_scenarios); do
  status=0
  LD_PRELOAD=$BUILD/alloc/libheapprof.so.0 HEAPPROF_OPTIONS=leak_check=unreachable:output=$folder/profile \
    timeout 20 ./leak_scenarios "$scenario" > "$folder/out" 2>&1 < /dev/null || status=$?
  echo "verdict $scenario $status"
done
rm -rf "$folder"
