#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `heapprof agent` takes for watching many processes, and what these pay for it.

Starts copies of a service that mostly waits, and an agent that collects all kinds of profiles and writes them into a folder.
Prints for each interval the agent's CPU time, with that of its children, as a share of one processor, and its memory; then, with
the agent's next round far away, how often the library's threads ran in the processes meanwhile.

Usage: bench/fleet.py [--build build/release] [--processes 200] [--interval 15] [--intervals 8] [--folder DIR]
"""

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from method import runs


def figures(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return {line.split(" ")[0].split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}


def own_cpu(pid):
    """Seconds of the process, and of children that it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / tick, (int(fields[13]) + int(fields[14])) / tick


def runs_of_the_library(pids):
    """How often threads other than the first were given a processor."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            if path.split("/")[4] != str(pid):
                with open(path, encoding="ascii") as file:
                    total += int(file.read().split()[2])
    return total


def start_agent(build, folder, *words):
    command = [os.path.join(build, "tools/heapprof"), "agent", "--to", f"dir:{folder}/out", "--spool", f"{folder}/spool",
               "--match", "bench_service", "--listen", "0", *words]
    agent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    port = re.search(r":(\d+)/metrics", agent.stderr.readline()).group(1)
    return agent, port


def main():
    parser = runs.parser(__doc__)
    parser.add_argument("--processes", type=int, default=200)
    parser.add_argument("--interval", type=float, default=15)
    parser.add_argument("--intervals", type=int, default=8)
    parser.add_argument("--folder", help="for the spool and the profiles; else a temporary one")
    options = parser.parse_args()
    library = runs.library(options.build)
    folder = tempfile.mkdtemp(prefix="heapprof-fleet-", dir=options.folder)
    watched, agent = [], None
    try:
        for number in range(options.processes):
            env = runs.preload(library, f"http=unix:@heapprof-fleet-{os.getpid()}-{number}")
            watched.append(subprocess.Popen([runs.program(options.build, "service")], env=env))
        agent, port = start_agent(options.build, folder, "--interval", str(options.interval))
        time.sleep(min(options.interval, 15) + 1)
        before, profiles = own_cpu(agent.pid), figures(port)["heapprof_agent_profiles_total"]
        print(f"{options.processes} processes, every {options.interval:g} s; shares of one processor")
        print("interval     own  children  profiles  RSS MiB")
        for interval in range(options.intervals):
            time.sleep(options.interval)
            now, values = own_cpu(agent.pid), figures(port)
            shares = [100 * (a - b) / options.interval for a, b in zip(now, before)]
            print(f"{interval + 1:8}  {shares[0]:5.2f}%  {shares[1]:7.2f}%  "
                  f"{values['heapprof_agent_profiles_total'] - profiles:8.0f}  "
                  f"{values['process_resident_memory_bytes'] / (1 << 20):7.1f}", flush=True)
            before, profiles = now, values["heapprof_agent_profiles_total"]
        agent.send_signal(signal.SIGTERM)
        agent.wait()
        # One round, and then none for an hour.
        agent, port = start_agent(options.build, folder, "--interval", "3600", "--profiles", "heap,block,mutex")
        while figures(port)["heapprof_agent_rounds_total"] < options.processes:
            time.sleep(0.2)
        pids = [process.pid for process in watched]
        woken = runs_of_the_library(pids)
        time.sleep(options.interval)
        print(f"between two rounds the library's threads ran {runs_of_the_library(pids) - woken} times in {options.interval:g} s, "
              f"in all of the processes")
    finally:
        for process in watched + [agent]:
            if process is not None:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
