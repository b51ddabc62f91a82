# SPDX-License-Identifier: Apache-2.0
"""Packages of npm that tests read files with. They are fetched once; where that cannot be, the test is skipped and says why."""

import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED, SECONDS = 77, 30


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def fetch(package, folder, needed, seconds=SECONDS):
    """The path of the file `needed` of `package` ("name@version"), which lies below `folder` then."""
    place = os.path.join(folder, package)
    path = os.path.join(place, needed)
    if os.path.exists(path):
        return path
    if shutil.which("npm") is None:
        skip("npm is not installed")
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as new:
        try:
            done = subprocess.run(["npm", "pack", "--silent", "--cache", os.path.join(new, "cache"), package], cwd=new,
                                  timeout=seconds, capture_output=True, text=True, check=False)
        except subprocess.TimeoutExpired:
            skip(f"npm did not fetch {package} within {seconds} s")
        if done.returncode != 0:
            skip(f"npm cannot fetch {package}: {done.stderr.strip()[-200:]}")
        subprocess.run(["tar", "-xzf", done.stdout.split()[-1]], cwd=new, check=True)
        os.makedirs(os.path.dirname(place), exist_ok=True)  # @owner of @owner/name
        os.replace(os.path.join(new, "package"), place)
    return path
