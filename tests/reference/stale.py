"""Runs the program on a cache whose file system is like NFS on a bad day: of the calls that touch objects, manifests,
packs and snapshots every so-manieth fails, with ESTALE or EIO in turn, and not the next time. Everything must come out as
on a good one.

    python stale.py target/release/pipeline

Needs a C compiler, for what stands between the program and the C library (LD_PRELOAD).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TINY = Path(__file__).parent.parent / "program" / "tiny.toml"
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

static int ours(const char *path) {
    return path && (strstr(path, "/v1/objects/") || strstr(path, "/v1/steps/") || strstr(path, "/v1/packs/")
                    || strstr(path, "/v1/scratch/"));
}

static int fails(const char *path) {
    static long every;
    if (!every) every = atol(getenv("STALE_EVERY"));
    if (!ours(path)) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call % every) return 0;
    FILE *log = fopen(getenv("STALE_LOG"), "a");
    if (log) { fprintf(log, "%s\n", path); fclose(log); }
    errno = (call / every) % 2 ? ESTALE : EIO;
    return 1;
}

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        NEXT(name); \
        va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
        return fails(path) ? -1 : next(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
int rename(const char *from, const char *to) { NEXT(rename); return fails(to) ? -1 : next(from, to); }
int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict found) {
    NEXT(statx);
    return fails(path) ? -1 : next(folder, path, flags, mask, found);
}
ssize_t read(int file, void *to, size_t size) {
    NEXT(read);
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) { path[length] = 0; if (fails(path)) return -1; }
    return next(file, to, size);
}
"""


def manifests(folder):
    found = {}
    for path in (folder / "cache/v1/steps").glob("*/*.json"):
        manifest = json.loads(path.read_text())
        found[manifest["key"]] = {name: output["digest"] for name, output in manifest["outputs"].items()}
    return found


def main():
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "shim.c").write_text(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"], cwd=folder, check=True)
        good = folder / "good"
        good.mkdir()
        run = [program, "run", str(TINY), "--backend", "cpu", "--jobs", "2", "--set", "run.snapshot_every=1"]
        subprocess.run(run, cwd=good, check=True, capture_output=True)
        for every in [7, 11, 50]:
            bad = folder / f"bad{every}"
            bad.mkdir()
            environment = {**os.environ, "LD_PRELOAD": str(folder / "shim.so"), "STALE_EVERY": str(every),
                           "STALE_LOG": str(bad / "log")}
            done = subprocess.run(run, cwd=bad, env=environment, text=True, capture_output=True)
            failures = len((bad / "log").read_text().splitlines())
            assert done.returncode == 0, (every, failures, done.stderr)
            assert "damaged" not in done.stderr and "retry" not in done.stderr, done.stderr
            again = subprocess.run(run, cwd=bad, env=environment, text=True, capture_output=True)
            assert "nothing to do, all 31 steps are fresh" in again.stderr, again.stderr
            assert manifests(bad) == manifests(good)
            verified = subprocess.run([program, "cache", "verify"], cwd=bad, text=True, capture_output=True)
            assert "all whole" in verified.stdout, verified.stdout
            print(f"one of {every} calls: {failures} failed in two runs, and nothing was lost")


if __name__ == "__main__":
    main()
