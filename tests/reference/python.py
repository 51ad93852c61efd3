#!/usr/bin/env python3
"""Runs the commands and the snippets of docs/python.md, one after another in one folder.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install pandas==3.1.1 polars==2.1.0 pyarrow==26.0.1 transformers==5.24.0 torch==2.15.0
    /tmp/venv/bin/python tests/reference/python.py target/release/pipeline

The program has to be there; what the snippets print is printed.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    program = Path(sys.argv[1]).resolve()
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(), flags=re.M | re.S)
    assert [kind for kind, _ in blocks] == ["sh", "python", "python", "python"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bin").mkdir()
        (Path(folder) / "bin" / "pipeline").symlink_to(program)
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        for kind, text in blocks:
            command = ["bash", "-e", "-c", text] if kind == "sh" else [sys.executable, "-c", text]
            print(f"--- {kind}\n{text}", flush=True)
            subprocess.run(command, cwd=folder, env=environment, check=True)


main()
