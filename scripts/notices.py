# SPDX-License-Identifier: Apache-2.0
"""What of others is linked into what we distribute, found in a build, beside what notices/parts.txt names."""

import fnmatch
import os
import re
import subprocess

# What presubmit asks ninja for: the commands that make a thing, and the folders of the objects that go into it.
TARGETS = {
    "library": (("alloc/libheapprof.so", "alloc/libheapprof.a"), "alloc/libheapprof.so.0",
                ("base/", "sampling/", "proto/", "profiles/", "leak/", "alloc/")),
    "command": (("tools/heapprof",), "tools/heapprof", ("tools/",)),
    "portable": (("tools/portable/heapprof",), "tools/portable/heapprof", ("tools/",)),
}
# Headers of these come with every compiler and leave nothing behind that asks for a notice.
SYSTEM_PACKAGES = r"^(libc6-dev|linux-libc-dev|libstdc\+\+-\d+-dev|libgcc-\d+-dev|gcc-\d+|g\+\+-\d+|libcrypt-dev|clang-.*|libclang-.*)$"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def parts(root):
    """Rows of the list: (part, where, how, patterns)."""
    rows = []
    with open(os.path.join(root, "notices/parts.txt"), encoding="utf-8") as text:
        for line in text:
            words = line.split("#", 1)[0].split()
            if words:
                rows.append((words[0], words[1], words[2], words[3:]))
    return rows


def archives(build, targets):
    found = set()
    for word in re.split(r"[\s;=]+", run("ninja", "-C", build, "-t", "commands", *targets)):
        if word.startswith("/") and word.endswith(".a") and os.path.exists(word) \
                and not word.startswith(os.path.realpath(build) + "/"):
            found.add(os.path.basename(word))
    return found


def shared(build, binary):
    return set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", run("readelf", "-dW", os.path.join(build, binary))))


def headers(build, folders):
    """Headers of /usr/include that the objects were made of, those of the system apart."""
    used, mine = set(), False
    for line in run("ninja", "-C", build, "-t", "deps").splitlines():
        if line and not line.startswith(" "):
            mine = line.startswith(folders)
        elif mine and line.strip().startswith("/usr/include/"):
            used.add(os.path.normpath(line.strip()))
    system = set()
    for package in run("dpkg-query", "-W", "-f", "${Package}\n").splitlines():
        if re.match(SYSTEM_PACKAGES, package):
            system.update(run("dpkg", "-L", package).splitlines())
    return {os.path.relpath(name, "/usr/include") for name in used - system}


def check(root, build):
    rows = parts(root)
    build = os.path.join(root, build)
    if not rows:
        return ["notices: notices/parts.txt is empty"]
    findings = []
    for where, (targets, binary, folders) in TARGETS.items():
        found = {"archive": archives(build, targets), "shared": shared(build, binary), "headers": headers(build, folders)}
        mine = [row for row in rows if row[1] == where]
        used = set()
        for kind, names in found.items():
            for name in sorted(names):
                known = [row for row in mine if any(fnmatch.fnmatch(name, pattern) for pattern in row[3])]
                used.update(row[0] for row in known)
                if not known or (kind == "archive" and not any(row[2] == "archive" for row in known)):
                    findings.append(f"notices: the {where} has {name} ({kind}), which notices/parts.txt does not name so")
        findings += [f"notices: {part} is named for the {where}, but is not in it" for part, _, _, _ in mine if part not in used]
    for part, _, how, _ in rows:
        if how in ("archive", "headers") and not os.path.exists(os.path.join(root, "notices", part + ".txt")):
            findings.append(f"notices: {part} is distributed, and notices/{part}.txt is missing")
    return sorted(set(findings))
