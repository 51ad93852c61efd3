"""Writes tests/reference/agreement.json: pairs of made-up logits, how often their predictions agree, and the mean
Jensen-Shannon divergence of their softmax distributions, and the mean distance, its root.

    pip install numpy scipy
    python agreement.py

Made with numpy 2.4.6, scipy 1.17.1. The divergence is the square of scipy.spatial.distance.jensenshannon in base e.
Read by src/analysis/agreement.rs.
"""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

HERE = Path(__file__).parent


def main():
    random = np.random.default_rng(11)
    cases = []
    # The last spread makes probabilities that are 0 in double precision.
    for examples, classes, spread, apart in [(1, 2, 1, 1), (40, 2, 2, 0.5), (30, 3, 3, 3), (20, 5, 1, 1e-3),
                                             (20, 3, 900, 900)]:
        first = random.normal(0, spread, (examples, classes)).astype(np.float32)
        second = (first + random.normal(0, apart, first.shape)).astype(np.float32)
        p, q = (softmax(logits.astype(np.float64), axis=1) for logits in (first, second))
        # Two equal distributions have a distance of NaN where rounding leaves less than 0 under its root.
        distances = np.nan_to_num(jensenshannon(p, q, axis=1))
        divergence, distance = float(np.mean(distances**2)), float(np.mean(distances))
        predicted = [logits.argmax(axis=1) for logits in (first, second)]
        cases.append({
            "classes": classes,
            "logits": [first.ravel().tolist(), second.ravel().tolist()],
            "predicted": [labels.tolist() for labels in predicted],
            "agreement": float((predicted[0] == predicted[1]).mean()),
            "divergence": divergence,
            "distance": distance,
        })
        print(classes, spread, cases[-1]["agreement"], divergence)
    (HERE / "agreement.json").write_text(json.dumps(cases) + "\n")


main()
