#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The short form of scripts/distro: Debian 11's perl under that release's libc, unpacked and not installed, with the library and the
command of the tarball that are built here. older_libc_test.py SOURCE LIBRARY COMMAND. Status 77: the packages cannot be had."""
import glob
import os
import re
import subprocess
import sys
import tempfile

SOURCE, LIBRARY, COMMAND = sys.argv[1:]
PERL = """
my %table;
for my $i (1..20000) { push @{$table{$i % 97}}, "value $i" }
my $child = fork();
if ($child == 0) { my @more = map { "x" x $_ } 1..200; exit(scalar(@more) - 200) }
waitpid($child, 0);
print join(",", map { scalar @{$table{$_}} } sort keys %table), " $?\\n";
"""


def main():
    root = f"{SOURCE}/build/sysroot/bullseye"
    try:
        done = subprocess.run([f"{SOURCE}/scripts/sysroot", "bullseye"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
    except subprocess.TimeoutExpired:
        print("skipped: Debian 11's packages did not come within a minute")
        return 77
    if done.returncode != 0:
        print("skipped: Debian 11's packages cannot be had:", done.stderr.strip()[-200:])
        return 77
    loader = glob.glob(f"{root}/lib/*-linux-gnu/ld-2.*.so")[0]
    old = [loader, "--library-path", os.path.dirname(loader)]

    def run(*words, options=None):
        env = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        if options is not None:
            env.update(LD_PRELOAD=LIBRARY, HEAPPROF_OPTIONS=options)
        ran = subprocess.run([*old, *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return ran.returncode, ran.stdout, ran.stderr

    perl = f"{root}/usr/bin/perl"
    with tempfile.TemporaryDirectory() as folder:
        plain = run(perl, "-e", PERL)
        assert plain[0] == 0 and plain[1].endswith(" 0\n"), plain
        for interval in ("512k", "1"):
            options = f"sample_interval={interval}:dump_at_exit=1:cpu_at_start=1:output={folder}/p{interval}.%p.%n"
            got = run(perl, "-e", PERL, options=options)
            assert got == plain, (interval, got, plain)
        files = sorted(glob.glob(f"{folder}/p1.*.heap.pb.gz"))
        assert len(files) == 2, os.listdir(folder)
        for file in files:
            status, told, errors = run(COMMAND, "info", file)
            assert status == 0 and re.search(r"truncated-stacks: 0\n", told) and re.search(r"lost-samples: 0\n", told), (told, errors)
        tops = [run(COMMAND, "top", "--unfold", "--no-debuginfod", "--type", "alloc_space", file) for file in files]
        assert all(status == 0 for status, _, _ in tops) and any("Perl_" in told for _, told, _ in tops), tops
        # An exception that is caught (libgcc's unwinder asks the command itself where its tables are), and a file that is none.
        status, _, errors = run(COMMAND, "top", f"{folder}/none")
        assert status == 2 and "No such file" in errors, (status, errors)
        status, _, errors = run(COMMAND, "top", "--bogus")
        assert status == 2 and "--bogus" in errors, (status, errors)
    print("good:", os.path.basename(loader))
    return 0


sys.exit(main())
