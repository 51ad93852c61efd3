"""Writes published/ beside this file: a small study in the formats in which the paper's authors published theirs, with
what must come out of it, and the columns that the tests need of McCoy et al.'s table of accuracies by run.

    pip install numpy torch && python published.py ACCURACIES_BY_RUN.csv

The table is berts_of_a_feather/berts_of_a_feather_accuracies_by_run.csv of github.com/tommccoy1/hans (MIT License).
Made with NumPy 2.4.6 and PyTorch 2.15.0. Read by tests/program/published.rs and the unit tests of
src/model/formats/surface.rs. Distances are by the definitions, over all segments, from the numbers as printed.
"""

import csv
import itertools
import json
import pathlib
import pickle
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent / "published"
rng = np.random.default_rng(20230501)
MODELS = [3, 7, 11, 22, 31, 40]
GROUP = {3: 0, 7: 1, 11: 0, 22: 1, 31: 0, 40: 0}
POINTS = 10


def barrier(line):
    n = len(line)
    chord = [((n - 1 - i) * line[0] + i * line[-1]) / (n - 1) for i in range(n)] if n > 1 else line
    return max(0.0, max(value - level for value, level in zip(line, chord)))


def convexity_gap(line):
    return max(barrier(line[i:j]) for i in range(len(line)) for j in range(i + 2, len(line) + 1))


def bump(line):
    highest = 0.0
    for peak in range(1, len(line) - 1):
        if line[peak] <= line[peak - 1] or line[peak] <= line[peak + 1]:
            continue
        left = right = peak
        while left > 0 and line[left - 1] <= line[left]:
            left -= 1
        while right + 1 < len(line) and line[right + 1] <= line[right]:
            right += 1
        highest = max(highest, line[peak] - (line[left] + line[right]) / 2)
    return highest


def area(line, distance):
    step = distance / (len(line) - 1)
    return float(np.trapezoid(np.array(line) - min(line), dx=step))


def write_lines():
    """Four files of several pairs, one of them killed in the middle of a pair that a later one has whole."""
    folder = HERE / "lines"
    (folder / "more").mkdir(parents=True, exist_ok=True)
    ends = {model: (rng.uniform(0.2, 0.3), rng.uniform(0.88, 0.92)) for model in MODELS}
    expected, texts = {}, []
    for first, second in itertools.combinations(MODELS, 2):
        # Some pairs were run the other way round, and some names have leading zeros.
        one, two = (second, first) if rng.random() < 0.3 else (first, second)
        names = [f"{model:02d}" if rng.random() < 0.5 else str(model) for model in (one, two)]
        height = rng.uniform(0.02, 0.05) if GROUP[first] == GROUP[second] else rng.uniform(1.5, 2.5)
        distance = float(np.float32(rng.uniform(12, 15)))
        text = f"Euclidean distance between {names[0]} and {names[1]}: {distance}.\n"
        text += f"Interpolating between {names[0]} and {names[1]} on qqp\n"
        losses = []
        for point in range(POINTS):
            share = point / (POINTS - 1)
            # Point 0 is the second model.
            mix = [(1 - share) * b + share * a for a, b in zip(ends[one], ends[two])]
            inside = 0 < point < POINTS - 1
            loss = mix[0] + height * np.sin(np.pi * share) + (rng.normal(0, 0.004) if inside else 0)
            text += f"{[share, 1 - share]}\n"
            text += "  point_num      loss    accuracy        f1\n-----------  --------  ----------  --------\n"
            text += f"{point:11d}  {loss:8.4f}  {mix[1]:10.4f}  {mix[1] - 0.03:8.4f}\n"
            losses.append(float(f"{loss:8.4f}"))
        text += f"Completed interpolation from {names[0]} to {names[1]}\n"
        texts.append(text)
        losses = losses[::-1] if one == first else losses
        expected[f"{first},{second}"] = {
            "losses": losses,
            "euclidean": distance,
            "convexity_gap": convexity_gap(losses),
            "barrier_height": barrier(losses),
            "bump_height": bump(losses),
            "area_under_curve": area(losses, distance),
        }
    half = texts[9].splitlines(keepends=True)[:20]
    (folder / "101_0.out").write_text("Loading models …\n" + "".join(texts[:6]) + "".join(half))
    (folder / "101_1.out").write_text("".join(texts[6:9]))
    (folder / "more" / "102_0.log").write_text("".join(texts[9:]) + texts[0] + "Wrote the values to x.pkl!\n")
    (folder / "103.out").write_text("Traceback (most recent call last):\n  out of memory\n")
    (folder / "101_0.err").write_text("UserWarning: nothing\n")
    (folder / "values.pkl").write_bytes(pickle.dumps({("3", "7"): [0.0]}))
    return expected


HANS = [
    ("lexical_overlap", "entailment", "The doctor's guest saw the tourist.", "The guest saw the tourist."),
    ("lexical_overlap", "non-entailment", "The doctor saw the tourist.", "The tourist saw the doctor."),
    ("lexical_overlap", "non-entailment", "The guest by the doctor ran.", "The doctor ran."),
    ("constituent", "entailment", "Because it rained, the guest ran.", "The guest ran."),
    ("constituent", "non-entailment", "If it rained, the guest ran.", "It rained."),
]


def tokens(text):
    """As BERT's tokenizer writes it back: lower case, and in some versions spaces around punctuation."""
    text = text.lower()
    if rng.random() < 0.5:
        for mark in ".,'":
            text = text.replace(mark, f" {mark} ")
    return " ".join(text.split())


def write_evaluations():
    folder = HERE / "evals"
    folder.mkdir(parents=True, exist_ok=True)
    labels = {"entailment": 0, "non-entailment": 1}
    rows = [f"{heuristic}\t{label}\t{a}\t{b}\n" for heuristic, label, a, b in HANS]
    (HERE / "hans.tsv").write_text("heuristic\tlabel\tpremise\thypothesis\n" + "".join(rows))
    expected = {}
    for model in MODELS:
        samples, losses, hits = [], {"": []}, {"": []}
        for row in rng.permutation(len(HANS)):
            heuristic, label, a, b = HANS[row]
            logits = np.round(rng.normal(0, 2, 2), 4)
            # The smaller group falls for the overlap of words.
            if heuristic == "lexical_overlap":
                logits = np.array([2.0, -2.0]) + np.round(rng.normal(0, 0.5, 2), 4) if GROUP[model] else logits
            probabilities = np.exp(logits) / np.exp(logits).sum()
            number = labels[label]
            sentence = f"[CLS] {tokens(a)} [SEP] {tokens(b)} [SEP]" + " [PAD]" * int(rng.integers(0, 3))
            samples.append(
                {"probabilities": probabilities.tolist(), "logits": logits.tolist(), "label": number, "sentence": sentence}
            )
            for group in ("", f"{heuristic},{label}"):
                losses.setdefault(group, []).append(-np.log(probabilities[number]))
                hits.setdefault(group, []).append(float(np.argmax(logits) == number))
        (folder / f"hans_eval_bert_{model:02d}.json").write_text(json.dumps({"label_dict": labels, "samples": samples}))
        expected[str(model)] = {
            group: {"loss": float(np.mean(losses[group])), "accuracy": float(np.mean(hits[group]))} for group in losses
        }
    (folder / "notes.txt").write_text("not an evaluation\n")
    return expected


def surface(xs, ys, scale, of, places):
    """As the published script pickles it: [i, j] of the tensor is the value at xs[i], ys[j], beside X and Y of a
    meshgrid, whose rows are y's. (Its plotters turn the tensor before they draw; a reader that takes X and Y at their
    word mirrors the surface.) There both axes are one vec; here they differ in length, so that nothing is by chance."""
    x, y = np.meshgrid(xs, ys)
    values = torch.from_numpy(np.array([[of(one, other) for other in ys] for one in xs]))
    return (x, scale * y, values), dict(zip(("w0", "w1", "w2"), places))


def write_surfaces():
    xs, ys = np.linspace(-1, 2, 4), np.linspace(-1, 2, 3)
    places = [(0.0, 0.0), (1.0, 0), (torch.tensor(0.25), np.float64(1.2))]
    eighths = {(x, y): np.float32(row * 4 + column) / 8 for row, y in enumerate(ys) for column, x in enumerate(xs)}
    one = surface(xs, ys, 1.5, lambda x, y: eighths[x, y], places)
    for protocol in (2, 4, 5):
        (HERE / f"surface{protocol}.pkl").write_bytes(pickle.dumps(one, protocol=protocol))
    # NumPy 1 kept the same functions elsewhere. Names in protocol 2 end with the line, so their length is free.
    old = pickle.dumps(one, protocol=2).replace(b"numpy._core.", b"numpy.core.")
    (HERE / "surface_old.pkl").write_bytes(old)
    # By hand: the loss is 5 at the model w1.
    vec = np.array([0.0, 1.0])
    square = ((*np.meshgrid(vec, vec), torch.tensor([[0.0, 0.0], [5.0, 0.0]])), {"w0": (0, 0), "w1": (1, 0), "w2": (0, 1)})
    (HERE / "surface_square.pkl").write_bytes(pickle.dumps(square, protocol=4))


PLANES = [(7, 22, 31), (3, 11, 40)]


def write_planes():
    """Loss and accuracy of two planes, and a third that nobody asks for. In one of them the x axis leads to w2."""
    folder = HERE / "surfaces"
    (folder / "more").mkdir(parents=True, exist_ok=True)
    expected = {}
    for plane, (removed, scale, swapped) in zip(PLANES, [(0.25, 1.2, False), (0.5, 0.75, True)]):
        xs, ys = np.linspace(-1, 2, 5), np.linspace(-1, 2, 4)
        off = (removed, scale)
        places = [(0.0, 0.0), off, (1.0, 0.0)] if swapped else [(0.0, 0.0), (1.0, 0.0), off]
        losses, accuracies = (
            lambda x, y: np.float32(0.25 + 0.5 * x**2 + 0.25 * y**2),
            lambda x, y: np.float64(round(0.9 - 0.05 * abs(x + 2 * y), 4)),
        )
        names = "_".join(f"{model:02d}" for model in plane)
        for metric, values in (("loss", losses), ("acc", accuracies)):
            path = folder / ("more" if metric == "acc" else "") / f"{metric}_{names}.pkl"
            path.write_bytes(pickle.dumps(surface(xs, ys, scale, values, places), protocol=4))
        expected[",".join(map(str, plane))] = {
            "places": [list(place) for place in places],
            "x": xs.tolist(),
            "y": (scale * ys).tolist(),
            "loss": [float(losses(x, y)) for y in ys for x in xs],
            "accuracy": [float(accuracies(x, y)) for y in ys for x in xs],
        }
    (folder / "loss_3_7_11.pkl").write_bytes((folder / "loss_03_11_40.pkl").read_bytes())
    (folder / "notes.txt").write_text("not a surface\n")
    return expected


def write_sharpness():
    """As the jobs printed it: several models in a file, one of them twice, names with and without leading zeros."""
    folder = HERE / "sharpness"
    folder.mkdir(parents=True, exist_ok=True)
    values = {model: float(f"{rng.normal(0.02, 0.01):.6f}") for model in MODELS + [41]}
    values[11] = -0.000125
    said = {model: f"\u025b-sharpness of ../berts/bert_{model:02d} is {value}\n" for model, value in values.items()}
    said[22] = said[22].replace("_22", "-022")
    (folder / "1_0.out").write_text("Loading models \u2026\n" + "".join(said[model] for model in (3, 7, 11, 22)))
    (folder / "1_1.out").write_text(said[7] + "Done\n" + said[31] + said[40] + said[41])
    (folder / "1_2.out").write_text("Traceback (most recent call last):\n  out of memory\n")
    (folder / "1_0.err").write_text("\u025b-sharpness of 3 is 1\n")
    return {str(model): values[model] for model in MODELS}


def write_feather(path):
    columns = ["Run", "MNLI dev acc.", "Lexical (entailed)", "Subseq (entailed)", "Constituent (entailed)"]
    columns += ["Lexical (nonent)", "Subseq (nonent)", "Constituent (nonent)", "Overall accuracy"]
    with open(path, encoding="utf-8-sig", newline="") as source:
        rows = [row for row in csv.DictReader(source) if row["Run"]]
    with open(HERE / "feather.csv", "w", encoding="utf-8-sig", newline="") as target:
        writer = csv.DictWriter(target, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    expected = {"lines": write_lines(), "evaluations": write_evaluations()}
    expected["clusters"] = {str(model): GROUP[model] for model in MODELS}
    expected |= {"surfaces": write_planes(), "sharpness": write_sharpness()}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    write_surfaces()
    write_feather(sys.argv[1])
