#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recipes of packaging/fleet, run as far as a machine without their engines allows: recipes_test.py LIBRARY COMMAND SOURCES.

redis-server runs under the library; each path that a scraper's file has it ask must answer. Prometheus is a real one.
"""
import http.client
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

LIBRARY, COMMAND, SOURCES = sys.argv[1:4]
RECIPES = os.path.join(SOURCES, "packaging", "fleet")
# What the scrapers ask for without being told: Parca, and Alloy's pyroscope.scrape.
PARCA = {"memory": "/debug/pprof/allocs", "block": "/debug/pprof/block", "goroutine": "/debug/pprof/goroutine",
         "mutex": "/debug/pprof/mutex", "process_cpu": "/debug/pprof/profile"}
ALLOY_OFF = {"fgprof": "/debug/fgprof", "godeltaprof_memory": "/debug/pprof/delta_heap",
             "godeltaprof_block": "/debug/pprof/delta_block", "godeltaprof_mutex": "/debug/pprof/delta_mutex"}
HAS_PROMETHEUS = shutil.which("prometheus") and shutil.which("promtool")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def recipe(name):
    with open(os.path.join(RECIPES, name), encoding="utf-8") as text:
        return text.read()


def yaml_of(name):
    try:
        import yaml
    except ImportError:
        raise unittest.SkipTest("no python3-yaml") from None
    return list(yaml.safe_load_all(recipe(name)))


def get(port, path):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", path)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, answer.getheader("Content-Type"), body


def until(what, holds):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            found = holds()
        except (OSError, http.client.HTTPException, ValueError):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within a minute")


class Recipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("redis-server"):
            raise unittest.SkipTest("no redis-server")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.port = free_port()
        environment = dict(os.environ, LD_PRELOAD=LIBRARY, HEAPPROF_OPTIONS=f"sample_interval=4k:http={cls.port}")
        cls.server = cls.start("redis-server", "--port", "0", "--unixsocket", cls.folder.name + "/redis", "--save", "",
                               env=environment)
        until("redis-server", lambda: get(cls.port, "/debug/pprof/")[0] == 200)
        if HAS_PROMETHEUS:
            cls.start_prometheus()

    @classmethod
    def start(cls, *words, **more):
        process = subprocess.Popen(words, cwd=cls.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **more)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)
        return process

    def check_scraped(self, kinds):
        """{kind: (enabled, path, delta)}: what is on answers as scrapers ask for it, what would be 404 is off."""
        for kind, (enabled, path, delta) in kinds.items():
            status, content, body = get(self.port, path + ("?seconds=1" if enabled and delta else ""))
            if enabled:
                self.assertEqual((status, content), (200, "application/octet-stream"), kind)
                self.assertTrue(body.startswith(b"\x1f\x8b"), kind)
            elif not path.startswith("/debug/pprof/") or path.endswith("/fgprof"):
                self.assertEqual(status, 404, kind)

    def test_parca(self):
        [text] = yaml_of("parca.yaml")
        [job] = text["scrape_configs"]
        kinds = {kind: (True, path, kind == "process_cpu") for kind, path in PARCA.items()}
        for kind, told in job["profiling_config"]["pprof_config"].items():
            self.assertLessEqual(told.keys(), {"enabled", "path", "delta"})
            kinds[kind] = (told["enabled"], told.get("path", PARCA.get(kind)), told.get("delta", False))
        self.check_scraped(kinds)
        self.assertEqual(kinds["fgprof"][0], False)

    def test_alloy(self):
        text = re.sub(r"^\s*//.*$", "", recipe("config.alloy"), flags=re.M)
        kinds = {kind: (True, path, kind == "process_cpu") for kind, path in PARCA.items()}
        kinds.update((kind, (False, path, False)) for kind, path in ALLOY_OFF.items())
        blocks = re.findall(r'profile\.(\w+)(?: "(\w+)")? \{([^}]*)\}', text)
        self.assertEqual(len(blocks), text.count("profile."))
        for kind, label, body in blocks:
            told = dict(re.findall(r"(\w+)\s*=\s*(\S+)", body))
            self.assertLessEqual(told.keys(), {"enabled", "path", "delta"})
            known = kinds.get(label or kind, (False, "", False))
            delta = told.get("delta", "") == "true" or known[2]
            kinds[label or kind] = (told["enabled"] == "true", told.get("path", known[1]).strip('"'), delta)
        self.check_scraped(kinds)
        # One of each pair, or everything is counted twice.
        for kind in ("memory", "block", "mutex"):
            self.assertNotEqual(kinds[kind][0], kinds["godeltaprof_" + kind][0], kind)
        self.assertEqual(text.count("{"), text.count("}"))

    def test_collector(self):
        [text] = yaml_of("collector.yaml")
        receivers = text["receivers"]
        for name, receiver in receivers.items():
            self.assertEqual(name.split("/")[0], "pprof")
            self.assertLessEqual(receiver.keys(), {"server", "remote"})
        path = urllib.parse.urlsplit(receivers["pprof/shop"]["remote"]["endpoint"]).path
        self.check_scraped({"remote": (True, path, False)})
        for pipeline in text["service"]["pipelines"].values():
            self.assertLessEqual(set(pipeline["receivers"]), receivers.keys())
            self.assertLessEqual(set(pipeline["exporters"]), text["exporters"].keys())

    @classmethod
    def start_prometheus(cls):
        """Begun first, as it takes five seconds before it looks at its targets."""
        try:
            [text] = yaml_of("prometheus.yml")
        except unittest.SkipTest:
            return
        cls.agent, cls.prometheus = free_port(), free_port()
        cls.start(COMMAND, "agent", "--listen", str(cls.agent), "--pid", str(cls.server.pid), "--interval", "0.2")
        until("the agent", lambda: json.loads(get(cls.agent, "/targets")[2]))
        address = {"6060": cls.port, "9911": cls.agent}
        for job in text["scrape_configs"]:
            job["scrape_interval"] = "200ms"
            for entry in job.get("static_configs", []):
                entry["targets"] = sorted({f"127.0.0.1:{address[target.split(':')[1]]}" for target in entry["targets"]})
            for entry in job.get("http_sd_configs", []):
                entry["url"] = f"http://127.0.0.1:{cls.agent}{urllib.parse.urlsplit(entry['url']).path}"
        text["global"] = {"scrape_timeout": "200ms"}
        cls.config = cls.folder.name + "/prometheus.yml"
        with open(cls.config, "w", encoding="utf-8") as out:
            json.dump(text, out)  # which is YAML
        cls.start("prometheus", "--config.file", cls.config, "--storage.tsdb.path", cls.folder.name + "/data",
                  "--web.listen-address", f"127.0.0.1:{cls.prometheus}")

    def test_with_prometheus(self):
        if not HAS_PROMETHEUS:
            self.skipTest("no prometheus, promtool (package prometheus)")
        yaml_of("prometheus.yml")
        for name in (self.config, os.path.join(RECIPES, "prometheus.yml")):
            subprocess.run(["promtool", "check", "config", name], check=True, stdout=subprocess.DEVNULL)

        def query(text):
            body = json.loads(get(self.prometheus, "/api/v1/query?" + urllib.parse.urlencode({"query": text}))[2])
            return {row["metric"].get("job"): float(row["value"][1]) for row in body["data"]["result"]}

        jobs = {"shop", "heapprof-agent", "profiled"}
        until("all three jobs are up", lambda: query("up == 1").keys() == jobs)
        self.assertGreater(query("heapprof_inuse_bytes")["shop"], 100000)
        self.assertGreater(query("process_cpu_seconds_total")["profiled"], 0)
        resident = query("sum by (job) (heapprof_resident_bytes)")["shop"]
        self.assertAlmostEqual(resident / query("process_resident_memory_bytes")["shop"], 1, delta=0.2)
        self.assertEqual(query("heapprof_agent_processes")["heapprof-agent"], 1)

    def test_metrics_are_as_promtool_wants_them(self):
        if not HAS_PROMETHEUS:
            self.skipTest("no prometheus, promtool (package prometheus)")
        # It reads the text of before OpenMetrics: a counter's family had its _total, and there were no units.
        text = get(self.port, "/metrics")[2].decode()
        text = "\n".join(line for line in text.splitlines() if not line.startswith(("# UNIT", "# EOF")))
        text = text.replace(" info\n", " gauge\n").replace("# HELP heapprof ", "# HELP heapprof_info ")
        text = text.replace("# TYPE heapprof gauge", "# TYPE heapprof_info gauge")
        for name in re.findall(r"^# TYPE (\w+) counter$", text, re.M):
            text = re.sub(rf"^(# \w+ {name}) ", r"\1_total ", text, flags=re.M)
        done = subprocess.run(["promtool", "check", "metrics"], input=text + "\n", text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_units(self):
        unit = recipe("heapprof-agent.service")
        self.check_options(shlex.split(re.search(r"^ExecStart=\S+ agent (.*)\$", unit, re.M)[1]))
        self.check_options(shlex.split(re.search(r"AGENT_OPTIONS=(--.*)\"$", unit, re.M)[1]))
        self.check_options(shlex.split(re.search(r"^#   HEAPPROF_AGENT_OPTIONS=(.*)$", unit, re.M)[1]))
        drop_in = recipe("profiled.conf")
        self.assertIn("LD_PRELOAD=libheapprof.so.0", drop_in)
        # The library takes the options as they are.
        options = re.search(r"HEAPPROF_OPTIONS=(.*)", drop_in)[1].replace("%%", "%")
        done = subprocess.run(["true"], env={"LD_PRELOAD": LIBRARY, "HEAPPROF_OPTIONS": options}, capture_output=True, check=True)
        self.assertEqual(done.stderr, b"")
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze (package systemd)")
        units = self.folder.name + "/units"
        os.makedirs(units + "/demo.service.d")
        with open(units + "/heapprof-agent.service", "w", encoding="utf-8") as out:
            out.write(unit.replace("/usr/bin/heapprof", COMMAND))
        with open(units + "/demo.service", "w", encoding="utf-8") as out:
            out.write("[Service]\nExecStart=/bin/true\n")
        shutil.copy(os.path.join(RECIPES, "profiled.conf"), units + "/demo.service.d")
        for name in ("heapprof-agent.service", "demo.service"):
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{units}/{name}"], capture_output=True, text=True, check=False)
            told = [line for line in done.stderr.splitlines() if "heapprof" in line or "demo" in line]
            self.assertEqual((done.returncode, told), (0, []), done.stderr)

    def check_options(self, words):
        known = subprocess.run([COMMAND, "agent", "--help"], capture_output=True, text=True, check=True).stdout
        for word in words:
            if word.startswith("--"):
                self.assertIn(word, re.findall(r"--[\w-]+", known))

    def test_manifest(self):
        objects = yaml_of("kubernetes.yaml")
        pod = objects[0]["spec"]["template"]["spec"]
        self.assertTrue(pod["shareProcessNamespace"])
        program, agent = pod["containers"]
        self.check_options(agent["args"])
        mounted = {mount["mountPath"] for mount in agent["volumeMounts"]}
        self.assertIn(agent["args"][agent["args"].index("--spool") + 1], mounted)
        self.assertEqual({volume["name"] for volume in pod["volumes"]}, {mount["name"] for mount in agent["volumeMounts"]})
        self.assertIn("HEAPPROF_OPTIONS", [variable["name"] for variable in program["env"]])
        try:
            from kubernetes import client
        except ImportError:
            self.skipTest("no python3-kubernetes")
        for each in objects:
            self.check_type(client, each, "V1" + each["kind"], each["kind"])

    def check_type(self, client, value, kind, where):
        """`value` has the fields and types of Kubernetes' class `kind`."""
        if wrapped := re.fullmatch(r"list\[(.*)\]", kind):
            self.assertIsInstance(value, list, where)
            for each in value:
                self.check_type(client, each, wrapped[1], where)
        elif wrapped := re.fullmatch(r"dict\(str, (.*)\)", kind):
            for key, each in value.items():
                self.check_type(client, each, wrapped[1], f"{where}.{key}")
        elif kind in ("str", "int", "bool"):
            self.assertIs(type(value), {"str": str, "int": int, "bool": bool}[kind], where)
        elif kind != "object":
            made = getattr(client, kind)
            attributes = {name: attribute for attribute, name in made.attribute_map.items()}
            for key, each in value.items():
                self.assertIn(key, attributes, where)
                self.check_type(client, each, made.openapi_types[attributes[key]], f"{where}.{key}")
            made(**{attributes[key]: each for key, each in value.items()})  # it refuses what lacks a field that must be there


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
