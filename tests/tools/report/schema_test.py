#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`heapprof top --json` and `heapprof memory --json` are what their schemas in docs/ say.

Usage: schema_test.py HEAPPROF DOCS PROGRAM SHAPES
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

try:
    import jsonschema
except ImportError:
    jsonschema = None

HEAPPROF, DOCS, PROGRAM, SHAPES = "", "", "", ""
FORMS = (("4k",), ("1",), ("4k", "--by", "type"), ("4k", "--unfold", "--by", "line"), ("4k", "--focus", "nowhere"))


@unittest.skipIf(jsonschema is None, "python3-jsonschema is not here")
class SchemaTest(unittest.TestCase):
    def top(self, interval, *options):
        with tempfile.TemporaryDirectory(prefix="heapprof-schema-") as folder:
            path = os.path.join(folder, "p")
            environment = dict(os.environ, XDG_CACHE_HOME=folder)
            subprocess.run([HEAPPROF, "run", "--quiet", "--interval", interval, "--exit-dump", "--output", path, "--",
                            PROGRAM], check=True, env=environment)
            done = subprocess.run([HEAPPROF, "top", "--json", *options, path + ".heap.pb.gz"], check=True,
                                  capture_output=True, env=environment)
        return json.loads(done.stdout)

    def schema(self, name):
        with open(os.path.join(DOCS, name), encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft7Validator.check_schema(schema)
        return schema

    def test_every_form_is_valid(self):
        schema = self.schema("top.schema.json")
        validator = jsonschema.Draft7Validator(schema)
        for interval, *options in FORMS:
            top = self.top(interval, *options)
            validator.validate(top)
            # No field that the schema does not tell of.
            self.assertLessEqual(set(top), set(schema["properties"]))
            for row in top["rows"]:
                self.assertLessEqual(set(row), set(schema["properties"]["rows"]["items"]["properties"]))
            self.assertEqual("total_low" in top, interval != "1")
        self.assertFalse(validator.is_valid(dict(top, total="much")))

    def check_sums(self, node, properties):
        self.assertLessEqual(set(node), set(properties))
        if "rows" not in node:
            return
        for kind in "resident", "mapped":
            parts = sum(row[kind] for row in node["rows"]) + node.get("more", {}).get(kind, 0)
            self.assertEqual(parts, node[kind], node.get("name"))
        for row in node["rows"]:
            self.check_sums(row, self.row)

    def test_memory_is_valid_and_adds_up(self):
        schema = self.schema("memory.schema.json")
        validator = jsonschema.Draft7Validator(schema)
        self.row = schema["definitions"]["rows"]["items"]["properties"]
        with tempfile.TemporaryDirectory(prefix="heapprof-schema-") as folder:
            path = os.path.join(folder, "p")
            subprocess.run([SHAPES, "shared", path], check=True, stdout=subprocess.DEVNULL)
            for options in (), ("--limit", "0"), ("--limit", "1", "--unfold"):
                done = subprocess.run([HEAPPROF, "memory", "--json", *options, path], check=True, capture_output=True,
                                      env=dict(os.environ, XDG_CACHE_HOME=folder))
                memory = json.loads(done.stdout)
                validator.validate(memory)
                self.check_sums(memory, schema["properties"])
                names = {row["name"]: row for row in memory["rows"]}
                self.assertLess(4 << 20, names["[shared memory]"]["resident"] + 1)
                self.assertGreater(memory["pid"], 0)
                self.assertEqual("more" in names["[files]"], options != ("--limit", "0"))
        self.assertFalse(validator.is_valid(dict(memory, rows=[{"name": "[heap]"}])))


if __name__ == "__main__":
    HEAPPROF, DOCS, PROGRAM, SHAPES = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1])
