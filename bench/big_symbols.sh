#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What names cost for a binary with a gigabyte of debug information: makes one, runs `heapprof top` twice on a profile of
# 4000 addresses all over it, and prints seconds, processor seconds and MiB of each. The second look comes from the cache.
# Usage: bench/big_symbols.sh HEAPPROF [COPIES]: 90 copies of one unit are a gigabyte. Needs mold, and 4 GB under TMPDIR.
set -euo pipefail
command=$(realpath "$1")
copies=${2:-90}
bench=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Templates of local types: code and debug information of one's own in every copy.
cat > unit.cc << 'X'
#include <bits/stdc++.h>
namespace {
template <int I>
struct S {
  struct K {
    int k[I + 1];
    bool operator<(const K& o) const { return k[0] < o.k[0]; }
  };
  std::map<std::string, std::vector<K>> m;
  std::unordered_map<int, K> u;
  std::set<K> s;
  std::variant<int, std::string, K> v;
  std::deque<K> d;
  std::list<K> l;
  __attribute__((noinline)) void* go(int n) {
    std::sort(m.begin()->second.begin(), m.begin()->second.end());
    l.sort();
    s.insert(K());
    d.push_back(K());
    for (auto& x : u) m["a"].push_back(x.second);
    std::function<int(int)> f = [&](int k) { return k < I ? k : f(k - 1) + f(k - 2); };
    m[std::to_string(f(n))];
    return std::visit([](auto& a) -> void* { return &a; }, v);
  }
};
template <int... I>
void* all(int n, std::integer_sequence<int, I...>) {
  void* p = nullptr;
  ((p = S<I>().go(n)), ...);
  return p;
}
}  // namespace
extern "C" void* entry(int n) { return all(n, std::make_integer_sequence<int, 60>()); }
X
g++ -O1 -g3 -c unit.cc -o unit.o
{
  for i in $(seq "$copies"); do echo "extern \"C\" void* entry_$i(int);"; done
  echo 'int main(int n, char**) { void* p = 0;'
  for i in $(seq "$copies"); do echo "p = entry_$i(n);"; done
  echo 'return p != 0; }'
} > main.cc
g++ -g -c main.cc -o main.o
for i in $(seq "$copies"); do objcopy --redefine-sym entry="entry_$i" unit.o "unit_$i.o"; done
g++ -B/usr/libexec/mold -Wl,--build-id=sha1 main.o unit_*.o -o big
rm unit_*.o
python3 "$bench/big_symbols.py" "$command" "$work/big"
