"""Writes outliers.json beside this file: robust scores of made-up values, by SciPy.

    pip install numpy scipy && python outliers.py

Made with NumPy 2.4.6, SciPy 1.17.1. Read by the unit tests of src/analysis/outliers.rs.
"""

import json
import pathlib

import numpy as np
from scipy.stats import median_abs_deviation, norm

rng = np.random.default_rng(17)


def scores(values):
    centre = np.median(values)
    width = median_abs_deviation(values, scale="normal")
    if width == 0:
        # Of normal numbers, the mean of the absolute deviations is sqrt(2/pi) standard deviations.
        width = np.abs(values - centre).mean() / norm.expect(abs)
    return (values - centre) / width if width > 0 else values * 0


cases = []
for count in [5, 6, 7, 16, 25, 100]:
    for spread in [1e-6, 1.0, 300.0]:
        values = rng.normal(0.7, spread, count)
        # Some that stand out.
        values[: count // 5] += 8 * spread * rng.choice([-1, 1], count // 5)
        cases.append(values)
# More than half are equal.
for count in [6, 11, 40]:
    values = np.full(count, 0.975)
    values[: count // 3] += rng.normal(0, 0.1, count // 3)
    cases.append(values)
cases.append(np.full(5, 1.0))

out = [[values.tolist(), scores(values).tolist(), float(np.median(values))] for values in cases]
pathlib.Path(__file__).with_name("outliers.json").write_text(json.dumps(out).replace("]], ", "]],\n").replace("], [[", "],\n[[") + "\n")
