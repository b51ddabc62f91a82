# SPDX-License-Identifier: Apache-2.0
# The status of each leak scenario under the library, of which BUILD has the programs: verdict NAME STATUS. SHORT: of some, which
# have a word in each kind of place that a check looks at, and a leak beside each.
BUILD=${BUILD:-$ROOT/build/arm64}
folder=$(mktemp -d)
cd "$BUILD/tests/system/leak" || exit 1
scenarios=$(./leak_scenarios)
[ -z "$SHORT" ] || scenarios="free leak global_initialized chain_dropped large mapping thread_register thread_stack_of_ended
  tls_static_thread tls_dynamic_thread tls_dynamic_of_ended key_thread swapcontext timer_holds block_sealed recoverable"
for scenario in $scenarios; do
  status=0
  LD_PRELOAD=$BUILD/alloc/libheapprof.so.0 HEAPPROF_OPTIONS=leak_check=unreachable:output=$folder/profile \
    timeout 20 ./leak_scenarios "$scenario" > "$folder/out" 2>&1 < /dev/null || status=$?
  echo "verdict $scenario $status"
done
cd /
rm -rf "$folder"
