"""Writes gelu.json beside this file: both forms of GELU and their derivatives from SciPy, in double precision.

    pip install numpy scipy && python gelu.py

Made with SciPy 1.17.1 and NumPy 2.4.6. Read by src/model/tests/parity/gelu.rs.
"""

import json
from pathlib import Path

import numpy as np
from scipy.special import erf
from scipy.stats import norm

grid = np.concatenate([
    np.arange(-12, 12.0001, 0.03),
    [s * x for x in (0.0, 1e-30, 1e-8, 1e-4, 0.7071, 13.0, 20.0, 50.0, 88.0, 100.0, 1e3, 1e4) for s in (-1, 1)],
])
x = grid.astype(np.float32).astype(np.float64)
inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
t = np.tanh(inner)
columns = {
    "x": x,
    "erf": 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "erf_derivative": norm.cdf(x) + x * norm.pdf(x),
    "tanh": 0.5 * x * (1 + t),
    # 1 − tanh² as 1/cosh², which is exact where tanh is nearly 1.
    "tanh_derivative": 0.5 * (1 + t)
    + 0.5 * x / np.cosh(np.minimum(np.abs(inner), 350)) ** 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2),
}
out = Path(__file__).with_name("gelu.json")
out.write_text(json.dumps({name: [float(f"{v:.12g}") if name != "x" else float(v) for v in c] for name, c in columns.items()}) + "\n")
print(len(x), "points,", out.stat().st_size, "bytes")
