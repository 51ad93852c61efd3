"""Prints the numbers in the tests of src/analysis/intervals.rs, as SciPy computes them.

    pip install numpy==2.4.6 scipy==1.17.1
    python tests/reference/intervals.py
"""

import numpy as np
from scipy import stats

print("student")
for degrees in [1, 2, 3, 4, 5, 9, 10, 30, 98, 1000]:
    print(f"({degrees}, {float(stats.t.ppf(0.975, degrees))!r}),")

print("correlation: data whose correlation is r, so that pearsonr's own interval is asked")
generator = np.random.default_rng(7)
for n, wanted in [(4, 0.3), (6, -0.874), (25, 0.72), (100, -0.05), (100, 0.999)]:
    x, e = generator.normal(size=(2, n))
    x = (x - x.mean()) / np.linalg.norm(x - x.mean())
    e -= e.mean()
    e -= x * (e @ x)
    y = wanted * x + np.sqrt(1 - wanted**2) * e / np.linalg.norm(e)
    result = stats.pearsonr(x, y)
    interval = result.confidence_interval(0.95)
    print(f"({float(result.statistic)!r}, {n}, {float(interval.low)!r}, {float(interval.high)!r}),")

print("band")
x = np.array([10.0, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5])
y = np.array([8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68])
line = stats.linregress(x, y)
n = len(x)
s = np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / (n - 2))
for at in [4.0, 9.0, 14.0]:
    middle = line.intercept + line.slope * at
    reach = stats.t.ppf(0.975, n - 2) * s * np.sqrt(1 / n + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    print(f"({at}, {float(middle - reach)!r}, {float(middle + reach)!r}),")
