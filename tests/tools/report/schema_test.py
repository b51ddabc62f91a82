#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`heapprof top --json` is what docs/top.schema.json says, of sampled profiles and of exact ones.

Usage: schema_test.py HEAPPROF SCHEMA PROGRAM
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

HEAPPROF, SCHEMA, PROGRAM = "", "", ""
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

    def test_every_form_is_valid(self):
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft7Validator.check_schema(schema)
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


if __name__ == "__main__":
    HEAPPROF, SCHEMA, PROGRAM = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1])
