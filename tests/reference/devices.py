"""Runs the tiny study on the CPU and on another backend and compares every number that comes out.

    python tests/reference/devices.py PROGRAM [BACKEND]

PROGRAM is target/release/pipeline, BACKEND wgpu (the default) or cuda. Dropout is off: the masks of a GPU are other
ones than the CPU's. Everything is f32. Metrics and lines may differ by 1e-5, distances by 1e-4 of the largest. Needs
nothing but Python; on a software Vulkan the first time takes three minutes, and metrics and lines differ by 3e-8, distances by 2e-6.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

STUDY = Path(__file__).resolve().parent.parent / "program" / "tiny.toml"
# The embedding's own scale depends on the gaps between eigenvalues, so of the clusters only the members are compared.
TABLES = {"metrics.csv": 1e-5, "lines.csv": 1e-5, "distances.csv": 1e-4}


def rows(path):
    with open(path) as file:
        # The last column is the key of the step, which is the same on every device.
        return list(csv.reader(line for line in file if not line.startswith("#")))[1:]


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def main():
    program, backend = Path(sys.argv[1]).resolve(), (sys.argv[2:] or ["wgpu"])[0]
    with tempfile.TemporaryDirectory() as folder:
        for device in ("cpu", backend):
            command = [program, "run", STUDY, "--backend", device, "--cache-dir", f"cache-{device}"]
            command += ["--results-dir", device]
            command += ["--set", "finetune.agents.dropout=0", "--set", "pretrain.start.dropout=0"]
            subprocess.run(command, cwd=folder, check=True)
        failed = False
        for table, allowed in TABLES.items():
            one, other = (rows(Path(folder) / device / "tiny" / table) for device in ("cpu", backend))
            assert len(one) == len(other) > 0, table
            largest = worst = 0.0
            for a, b in zip(one, other):
                for x, y in zip(a[:-1], b[:-1]):
                    if number(x) is None:
                        assert x == y, (table, a, b)
                        continue
                    largest = max(largest, abs(float(x)))
                    worst = max(worst, abs(float(x) - float(y)))
            print(f"{table}: {len(one)} rows up to {largest:.3g}, largest difference {worst:.2g}")
            failed |= worst > allowed * max(1.0, largest)
        members = lambda device: [row[:3] for row in rows(Path(folder) / device / "tiny" / "clusters.csv")]
        same = members("cpu") == members(backend)
        print("the clusters agree" if same else "the clusters differ")
        sys.exit(failed or not same)


main()
