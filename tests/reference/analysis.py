"""Writes analysis.json beside this file: what scikit-learn says about clusters and metrics.

    pip install numpy scipy scikit-learn && python analysis.py

Made with scikit-learn 1.9.1, NumPy 2.4.6, SciPy 1.17.1. Read by the unit tests of src/analysis.
"""

import json
import pathlib
import warnings

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.csgraph import laplacian
from sklearn.cluster import SpectralClustering
from sklearn.manifold import spectral_embedding
from sklearn.metrics import accuracy_score, f1_score, log_loss, matthews_corrcoef

rng = np.random.default_rng(20230501)


def structured(n, k, between, within):
    """Distances with k clear groups, the smallest of at least two models."""
    groups = np.concatenate([np.repeat(np.arange(k), 2), rng.integers(0, k, n - 2 * k)])
    rng.shuffle(groups)
    same = groups[:, None] == groups[None, :]
    distances = np.where(same, within, between) * rng.uniform(0.5, 1.5, (n, n))
    return (distances + distances.T) / 2


def unstructured(n):
    distances = np.abs(rng.normal(0, 0.5, (n, n)))
    return (distances + distances.T) / 2


def metric(n, dimensions):
    """Euclidean distances between random points, with no groups meant."""
    points = rng.normal(size=(n, dimensions))
    return np.linalg.norm(points[:, None] - points[None, :], axis=-1) / 2


def cluster_case(kind, distances, k, delta=1.0):
    n = len(distances)
    upper = np.triu_indices(n, 1)
    values = np.array([float(f"{value:.5g}") for value in distances[upper]])
    distances = np.zeros((n, n))
    distances[upper] = values
    distances += distances.T
    similarity = np.exp(-(distances**2) / (2 * delta**2))
    normalised = laplacian(similarity, normed=True)
    eigenvalues = eigh(normalised, eigvals_only=True)[: k + 1]
    gap = np.diff(eigenvalues).min()
    if gap < 1e-6:
        return None
    model = SpectralClustering(k, affinity="precomputed", assign_labels="kmeans", n_init=10, random_state=0)
    labels = model.fit(similarity).labels_
    embedding = spectral_embedding(similarity, n_components=k, random_state=0, drop_first=False)
    # The largest magnitude decides the sign; where two tie, the sign is not comparable.
    for column in embedding.T[1:]:
        first, second = np.sort(np.abs(column))[::-1][:2]
        if first - second < 1e-8:
            return None
    return {
        "kind": kind,
        "n": n,
        "k": k,
        "delta": delta,
        "distances": values.tolist(),
        "labels": labels.tolist(),
        "embedding": np.round(embedding, 9).tolist(),
        "eigenvalues": eigenvalues.tolist(),
    }


def clusters():
    cases = []
    for n in [5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40]:
        for scale in [1.0, 0.05]:
            cases.append(cluster_case("structured", structured(n, 2, scale, 0.2 * scale), 2))
        cases.append(cluster_case("random", unstructured(n), 2))
        cases.append(cluster_case("random", metric(n, 3), 2, delta=0.7))
        if n >= 8:
            cases.append(cluster_case("structured", structured(n, 3, 1.5, 0.3), 3))
        if 8 <= n <= 24:
            cases.append(cluster_case("random", metric(n, 2), 3))
    return [case for case in cases if case is not None]


def metrics_case(logits, labels):
    logits = np.round(logits, 4).astype(np.float32)
    classes = logits.shape[1]
    exact = logits.astype(np.float64)
    shifted = exact - exact.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_probabilities[np.arange(len(labels)), labels].mean()
    # scikit-learn's own value is the same where it does not clip probabilities at the float's epsilon.
    if (exact.max(axis=1) - exact.min(axis=1)).max() < 30:
        probabilities = np.exp(log_probabilities)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        assert abs(loss - log_loss(labels, probabilities, labels=range(classes))) < 1e-14
    predicted = logits.argmax(axis=1)
    return {
        "classes": classes,
        "logits": [float(f"{value:.4f}") for value in logits.ravel()],
        "labels": labels.tolist(),
        "loss": float(loss),
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1": float(f1_score(labels, predicted, zero_division=0.0)) if classes == 2 else None,
        "matthews": float(matthews_corrcoef(labels, predicted)),
    }


def metrics():
    cases = []
    for classes in [2, 3, 5]:
        for n in [1, 7, 40, 120]:
            labels = rng.integers(0, classes, n)
            logits = rng.normal(0, 1.5, (n, classes))
            logits[np.arange(n), labels] += 1.0
            cases.append(metrics_case(logits, labels))
    # Only one class predicted, only one class present, ties, all wrong, very confident.
    cases.append(metrics_case(np.tile([2.0, -1.0], (9, 1)), rng.integers(0, 2, 9)))
    cases.append(metrics_case(rng.normal(size=(9, 2)), np.zeros(9, dtype=int)))
    cases.append(metrics_case(np.round(rng.normal(size=(30, 3))), rng.integers(0, 3, 30)))
    cases.append(metrics_case(np.array([[1.0, -1.0], [-2.0, 0.5]] * 4), np.array([1, 0] * 4)))
    cases.append(metrics_case(rng.normal(0, 8.0, (30, 2)), rng.integers(0, 2, 30)))
    # One class in labels and predictions, no positive right, all equal logits, three classes of which one is there.
    cases.append(metrics_case(np.tile([[1.0, 0.0]], (5, 1)), np.zeros(5, dtype=int)))
    cases.append(metrics_case(np.tile([[0.0, 1.0]], (5, 1)), np.ones(5, dtype=int)))
    cases.append(metrics_case(np.array([[1.0, 0.0], [0.0, 1.0]] * 3), np.array([1, 0] * 3)))
    cases.append(metrics_case(np.full((8, 2), 0.25), np.array([0, 1] * 4)))
    cases.append(metrics_case(np.tile([[0.0, 1.0, 0.5]], (6, 1)), np.ones(6, dtype=int)))
    return cases


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fixture = {"clusters": clusters(), "metrics": metrics()}
    path = pathlib.Path(__file__).with_name("analysis.json")
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
    print(len(fixture["clusters"]), "matrices,", len(fixture["metrics"]), "metric cases,", path.stat().st_size, "bytes")
