# SPDX-License-Identifier: Apache-2.0
"""Work of an interpreter: a document is written and read again, and what was read is sorted and counted."""
import collections
import json
import random
import sys

chance = random.Random(1)
document = [{"name": f"row {i}", "numbers": [chance.random() for _ in range(5)], str(i): None} for i in range(15000)]
for turn in range(int(sys.argv[1])):
    document = json.loads(json.dumps(document))
    words = collections.Counter(word for row in document for word in row["name"].split())
    document.sort(key=lambda row: row["numbers"][0])
print(len(document), words.most_common(2))
