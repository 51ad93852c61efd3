#!/usr/bin/env python3
"""Asks two programs that others wrote whether docs/schema.json is a schema, and whether it fits the shipped studies.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install check-jsonschema==0.39.0 taplo==0.9.3
    PATH=/tmp/venv/bin:$PATH python3 tests/reference/schema.py [PROGRAM]

Each study has to pass; with one key misspelt, or of another type, it has to fail. With PROGRAM, which is `pipeline`, the
schema that it prints is asked too. taplo finds the schema by the `#:schema` line of each study, as editors do.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "experiments").glob("*.toml"))
BROKEN = [
    (r"^models = ", "model = "),
    (r"^data = .*", "data = 3"),
    (r"^\[experiment\]", "[experiments]"),
    (r"^seeds = .*", "seeds = true"),
    (r"^kind = \"heatmap\"", 'kind = "heat"'),
    (r"^recipe = .*", 'recipe = "adam"'),
]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def checks(study, schema):
    """Whether each of the two takes the study."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "taplo.toml"
        config.write_text("")
        taplo = run("taplo", "check", "--config", str(config), str(study))
    check = run("check-jsonschema", "--schemafile", str(schema), str(study))
    return {"taplo": taplo, "check-jsonschema": check}


def main():
    schema = ROOT / "docs" / "schema.json"
    if len(sys.argv) > 1:
        printed = run(sys.argv[1], "schema").stdout
        assert printed == schema.read_text(), "what the program prints is not docs/schema.json"
    ended = run("check-jsonschema", "--check-metaschema", str(schema))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    refused = 0
    for study in STUDIES:
        text = study.read_text()
        for name, ended in checks(study, schema).items():
            assert ended.returncode == 0, f"{name} refuses {study.name}:\n{ended.stdout}{ended.stderr}"
        for pattern, wrong in BROKEN:
            other, count = re.subn(pattern, wrong, text, count=1, flags=re.M)
            if count == 0:
                continue
            broken = study.with_name("broken.toml")
            broken.write_text(other)
            try:
                for name, ended in checks(broken, schema).items():
                    assert ended.returncode != 0, f"{name} takes {study.name} with {wrong}"
                    refused += 1
            finally:
                broken.unlink()
    print(f"{len(STUDIES)} studies taken, {refused} broken ones refused")


main()
