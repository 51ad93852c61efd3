"""Writes plane.json beside this file: lines and planes through small models, in NumPy's double precision.

    pip install numpy && python plane.py

Made with NumPy 2.4.6. Read by src/model/tests/weight_plane.rs.
"""

import json
from pathlib import Path

import numpy as np

SHAPES = {"bert.a.weight": (7, 5), "bert.a.bias": (7,), "classifier.weight": (3, 7)}
POINTS = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (-2.0, 1.7), (0.37, -0.91)]


def model(rng, scale):
    return {name: (rng.normal(size=shape) * scale).astype(np.float32) for name, shape in SHAPES.items()}


def flat(weights):
    return np.concatenate([weights[name].ravel() for name in SHAPES]).astype(np.float64)


def case(anchor, first, second):
    a, b1, b2 = flat(anchor), flat(first), flat(second)
    lines = [{"t": t, "point": ((1 - t) * a + t * b1).tolist()} for t in (0.0, 0.25, 1 / 3, 1.0)]
    v1, v2 = b1 - a, b2 - a
    distances = [np.linalg.norm(v1), np.linalg.norm(v2), np.linalg.norm(b2 - b1)]
    swapped = bool(v2 @ v1 / np.linalg.norm(v1) >= np.linalg.norm(v1))
    if swapped:
        v1, v2 = v2, v1
    removed = v2 @ v1 / (v1 @ v1)
    v2 = v2 - v1 * removed
    scale = np.linalg.norm(v2) / np.linalg.norm(v1)
    return {
        "models": [{name: w[name].ravel().tolist() for name in SHAPES} for w in (anchor, first, second)],
        "lines": lines,
        "distances": distances,
        "swapped": swapped,
        "removed": removed,
        "scale": scale,
        "length": np.linalg.norm(v1),
        "points": [{"x": x, "y": y, "point": (a + x * v1 + y * v2).tolist()} for x, y in POINTS],
    }


def main():
    rng = np.random.default_rng(7)
    a, b, c = (model(rng, 1.0) for _ in range(3))
    # Far apart along almost one line, so that the two must be swapped.
    far = {name: (a[name] + 3 * (b[name] - a[name]) + 0.1 * c[name]).astype(np.float32) for name in SHAPES}
    cases = [case(a, b, c), case(a, b, far), case(a, far, b)]
    assert [one["swapped"] for one in cases] == [False, True, False]
    out = Path(__file__).with_name("plane.json")
    out.write_text(json.dumps({"shapes": SHAPES, "cases": cases}) + "\n")
    print(out.stat().st_size, "bytes")


main()
