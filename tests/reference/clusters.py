"""Writes clusters.json beside this file: what scikit-learn, SciPy and NumPy say about clusters and what is told of them.

    pip install numpy scipy scikit-learn && python clusters.py

Made with scikit-learn 1.9.1, NumPy 2.4.6, SciPy 1.17.1. Read by the unit tests of src/analysis.

The matrices are not in the file: `Numbers` and `matrix` below exist a second time in src/analysis/tests.rs and give
the same numbers there to the last bit, because they use nothing but integers, divisions, products and square roots.

A matrix has no partition to compare where rounding or luck decides it. Left out, and counted, are those
- of which two of the k + 1 lowest eigenvalues lie within 1e-9 (the eigenvectors are then any basis of their plane);
- for which scikit-learn's own k-means (10 starts) gives other partitions with the random states 1 to 4, or with 100
  starts, than with the random state 0.
Of the embedding a file of this size can hold two projections a column, not the entries. A column has no sign to compare
where its two largest magnitudes tie, and fewer digits than 1e-8 where eigenvalues lie within 1e-6; the test compares the
rest.
"""

import json
import pathlib
import warnings

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import laplacian
from scipy.stats import gaussian_kde, permutation_test
from sklearn.cluster import SpectralClustering
from sklearn.manifold import spectral_embedding
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score

CASES = 600


class Numbers:
    """Knuth's 64-bit linear congruential generator; the upper 31 bits."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit

    def share(self):
        return self.below(1_000_001) / 1_000_000


KINDS = ["groups", "uniform", "points", "steep"]


def matrix(seed):
    """Distances between n models, their k and their delta, all from one seed."""
    numbers = Numbers(seed)
    kind = KINDS[numbers.below(4)]
    k = 2 + numbers.below(4)
    delta = [1.0, 0.5, 2.0, 0.25][numbers.below(4)]
    scale = [1.0, 0.2, 0.04][numbers.below(3)]
    size = numbers.below(1000)
    n = max(5 + 145 * size * size * size // 10**9, 2 * k)
    groups = [place // 2 if place < 2 * k else numbers.below(k) for place in range(n)]
    for place in range(n - 1, 0, -1):
        other = numbers.below(place + 1)
        groups[place], groups[other] = groups[other], groups[place]
    points = [[numbers.below(2001) - 1000 for _ in range(3)] for _ in range(n)]
    distances = np.zeros((n, n))
    for row in range(n):
        for column in range(row + 1, n):
            share = numbers.share()
            if kind == "groups":
                value = (share + 0.5) * (0.25 if groups[row] == groups[column] else 1.0)
            elif kind == "uniform":
                value = share
            elif kind == "points":
                squares = sum((a - b) ** 2 for a, b in zip(points[row], points[column]))
                value = np.sqrt(float(squares)) / 1000.0
            else:
                value = share * share * (share * share)
            distances[row, column] = distances[column, row] = value * scale
    return kind, n, k, delta, distances


def numbered(labels):
    """Clusters numbered by their first member, as one text of digits."""
    seen = []
    for label in labels:
        if label not in seen:
            seen.append(label)
    return "".join(str(seen.index(label)) for label in labels)


def transitivity(distances):
    n = len(distances)
    degrees = distances.sum(axis=1)
    closed = sum(
        distances[i, j] * distances[j, k] * distances[k, i] for i in range(n) for j in range(n) for k in range(n)
    )
    # One excess for each side of each triangle.
    excesses = [
        distances[i, j] - distances[i, k] - distances[k, j]
        for i in range(n)
        for j in range(i + 1, n)
        for k in range(n)
        if k not in (i, j)
    ]
    violations = [excess for excess in excesses if excess > 1e-12 * distances.max()]
    return {
        "coefficient": float(closed / (degrees * (degrees - 1)).sum()),
        "violations": len(violations),
        "triangles": n * (n - 1) * (n - 2) // 6,
        "mean": float(np.mean(violations)) if violations else None,
        "max": float(np.max(violations)) if violations else None,
    }


def partitions():
    cases, ties, unstable = [], 0, 0
    seed = 0
    while len(cases) < CASES:
        seed += 1
        kind, n, k, delta, distances = matrix(seed)
        similarity = np.exp(-(distances**2) / (2 * delta**2))
        lowest = eigh(laplacian(similarity, normed=True), eigvals_only=True)[: k + 1]
        if np.diff(lowest).min() < 1e-9:
            ties += 1
            continue
        fits = [
            SpectralClustering(k, affinity="precomputed", assign_labels="kmeans", n_init=10, random_state=state)
            for state in range(5)
        ]
        labels = [numbered(fit.fit(similarity).labels_) for fit in fits]
        thorough = SpectralClustering(k, affinity="precomputed", assign_labels="kmeans", n_init=100, random_state=5)
        if len(set(labels)) > 1 or numbered(thorough.fit(similarity).labels_) != labels[0]:
            unstable += 1
            continue
        embedding = spectral_embedding(similarity, n_components=k, random_state=0, drop_first=False)
        weights = Numbers(seed + 10**6)
        projections = []
        for column in embedding.T:
            magnitudes = np.sort(np.abs(column))[::-1]
            tie = magnitudes[0] - magnitudes[1] < 1e-8 * magnitudes[0] and column is not embedding.T[0]
            first = sum((weights.share() - 0.5) * value for value in column)
            second = sum((weights.share() - 0.5) * value for value in column)
            projections.append([round(float(first), 11), round(float(second), 11), int(tie)])
        cases.append(
            [
                seed,
                labels[0],
                [float(f"{value:.14g}") for value in lowest[1:]],
                projections[1:],
                float(silhouette_score(distances, list(labels[0]), metric="precomputed")),
            ]
        )
    print(seed, "matrices:", len(cases), "kept,", ties, "with tied eigenvalues,", unstable, "with several partitions")
    return cases


def small():
    """Numbers that are told of a clustering, on few models, so that the slow ways are quick."""
    cases = []
    seed = 5000
    while len(cases) < 24:
        seed += 1
        kind, n, k, delta, distances = matrix(seed)
        if n > 20:
            continue
        numbers = Numbers(seed)
        one = [place // 2 if place < 2 * k else numbers.below(k) for place in range(n)]
        other = [place % 2 if place < 4 else numbers.below(k + 1) for place in range(n)]
        values = np.array([numbers.share() for _ in range(n)])
        groups = [values[np.array(one) == 0], values[np.array(one) != 0]]
        exact = permutation_test(
            groups,
            lambda a, b: abs(np.mean(a) - np.mean(b)),
            permutation_type="independent",
            alternative="greater",
            n_resamples=200_000,
            random_state=1,
        )
        weights = [[numbers.below(9) for _ in range(k + 1)] for _ in range(k)]
        rows, columns = linear_sum_assignment(weights, maximize=True)
        cases.append(
            {
                "seed": seed,
                "one": one,
                "other": other,
                "values": values.tolist(),
                "silhouettes": silhouette_samples(distances, one, metric="precomputed").tolist(),
                "rand": adjusted_rand_score(one, other),
                "transitivity": transitivity(distances),
                "p": float(exact.pvalue),
                "density": gaussian_kde(values)(np.linspace(-0.2, 1.2, 8)).tolist(),
                "overlaps": weights,
                "most": int(np.array(weights)[rows, columns].sum()),
            }
        )
    return cases


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fixture = {"small": small(), "partitions": partitions()}
    path = pathlib.Path(__file__).with_name("clusters.json")
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")
