"""Writes f1.json beside this file: scikit-learn's averages of F1 for the predictions in analysis.json, in their order.

    pip install numpy scikit-learn && python f1.py

Made with scikit-learn 1.9.1, NumPy 2.4.6. Read by the unit tests of src/analysis/metrics.rs.
"""

import json
import pathlib

import numpy as np
from sklearn.metrics import f1_score

here = pathlib.Path(__file__).parent
cases = json.loads((here / "analysis.json").read_text())["metrics"]


def averages(case):
    predicted = np.reshape(np.array(case["logits"], dtype=np.float32), (-1, case["classes"])).argmax(axis=1)
    return {
        average: float(f1_score(case["labels"], predicted, average=average, zero_division=0.0))
        for average in ("macro", "micro", "weighted")
    }


(here / "f1.json").write_text("[\n" + ",\n".join(json.dumps(averages(case)) for case in cases) + "\n]\n")
