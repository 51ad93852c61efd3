"""Writes ece.json beside this file: the expected calibration error of made-up logits, stated independently.

    pip install numpy scipy && python ece.py

Made with NumPy 2.4.6, SciPy 1.17.1. Read by the unit tests of src/analysis/metrics.rs.
"""

import json
import pathlib

import numpy as np
from scipy.special import softmax

rng = np.random.default_rng(10)
# The lower edges of the bins, each in its own bin; a probability of 1 is in the last.
EDGES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def ece(logits, labels):
    probabilities = softmax(logits.astype(np.float64), axis=1)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.digitize(confidence, EDGES)
    total = 0.0
    for number in range(10):
        members = bins == number
        if members.any():
            total += members.mean() * abs(right[members].mean() - confidence[members].mean())
    return total


cases = []
for examples, classes, spread in [(1, 2, 1), (7, 2, 3), (40, 2, 1), (40, 3, 2), (40, 4, 8), (30, 12, 1), (20, 3, 0.1)]:
    logits = (rng.normal(size=(examples, classes)) * spread).astype(np.float32)
    # Half of the labels are what the logits say.
    labels = np.where(rng.random(examples) < 0.5, logits.argmax(1), rng.integers(0, classes, examples))
    cases.append((logits, labels))
# Equal logits lie on a bin's edge, and large ones give a probability of exactly 1.
for classes in [2, 4, 5, 10]:
    cases.append((np.full((3, classes), 0.25, np.float32), np.array([0, 1, 0])))
cases.append((np.array([[80, 0], [0, 90], [100, -100]], np.float32), np.array([0, 0, 0])))
# A probability of exactly one half beside one a little lower, in another bin.
cases.append((np.array([[0, 0, -1000], [0.4, 0.2, 0.1], [0, 0.1, -1000]], np.float32), np.array([0, 1, 1])))

written = [
    {
        "classes": logits.shape[1],
        "logits": [float(f"{value:.9g}") for value in logits.flatten()],
        "labels": labels.tolist(),
        "ece": ece(logits, labels),
    }
    for logits, labels in cases
]
# Written in decimals, and what is read back from them must be the same numbers.
for case, (logits, _) in zip(written, cases):
    assert (np.array(case["logits"], np.float32) == logits.flatten()).all()
pathlib.Path(__file__).with_name("ece.json").write_text(json.dumps({"cases": written}) + "\n")
