# SPDX-License-Identifier: Apache-2.0
"""Keeps a million small objects of Python's, and 40 MB in one array."""
import array

names = [f"order {i}" for i in range(200000)]
table = array.array("q", bytes(40_000_000))
print(len(names), len(table))
