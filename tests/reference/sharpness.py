"""Writes tests/reference/sharpness.json: the loss of a tiny model before and after one ascent inside a box.

    pip install torch transformers safetensors blake3
    python sharpness.py

Made with torch 2.15.0, transformers 5.23.0, blake3 1.0.11, in double precision, from the model in
tests/reference/bert/ (its dropout is 0) and the rows of tests/reference/recipes/expected.json, in their order. The
ascent is torch.optim.SGD on the negative loss. Read by src/train/sharpness.rs.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from streams import Stream
from transformers import BertConfig, BertForSequenceClassification

HERE = Path(__file__).parent
BATCH, SEED = 8, 7
CASES = [
    ("published", 1e-5, 8e-5, None),
    ("keskar", 1e-5, 8e-5, None),
    ("published", 1e-5, 1.0, None),
    ("published", 2e-3, 3e-2, None),
    ("keskar", 2e-3, 3e-2, None),
    ("published", 2e-3, 1.0, None),
    ("published", 2e-3, 3e-2, 2000),
    ("keskar", 1e-2, 1.0, 500),
]


def load():
    config = BertConfig.from_pretrained(HERE / "bert", attn_implementation="eager")
    model = BertForSequenceClassification(config).double().eval()
    model.load_state_dict({name: t.double() for name, t in load_file(HERE / "bert" / "model.safetensors").items()})
    return model


def collate(rows):
    width = max(len(row["input_ids"]) for row in rows)
    pad = lambda name: torch.tensor([row[name] + [0] * (width - len(row[name])) for row in rows])
    mask = torch.tensor([[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows])
    labels = torch.tensor([row["label"] for row in rows])
    return {"input_ids": pad("input_ids"), "token_type_ids": pad("token_type_ids"), "attention_mask": mask,
            "labels": labels}


def mean_loss(model, rows):
    with torch.no_grad():
        return model(**collate(rows)).loss.item()


def masks(parameters, wanted):
    """Selection sampling over all parameters in the model's own order; everything where `wanted` is None."""
    if wanted is None:
        return [torch.ones_like(p) for p in parameters]
    stream, left, out = Stream("directions", SEED, 0), sum(p.numel() for p in parameters), []
    for p in parameters:
        mask = []
        for _ in range(p.numel()):
            take = stream.below(left) < wanted
            wanted, left = wanted - take, left - 1
            mask.append(float(take))
        out.append(torch.tensor(mask, dtype=torch.float64).reshape(p.shape))
    return out


def case(rows, shape, epsilon, learning_rate, directions):
    model = load()
    parameters = list(model.parameters())
    start = [p.detach().clone() for p in parameters]
    drawn = masks(parameters, directions)
    reach = [epsilon * ((w + 1).abs() if shape == "published" else w.abs() + 1) * m for w, m in zip(start, drawn)]
    before = mean_loss(model, rows)
    optimiser = torch.optim.SGD(parameters, lr=learning_rate)
    for at in range(0, len(rows), BATCH):
        optimiser.zero_grad()
        (-model(**collate(rows[at : at + BATCH])).loss).backward()
        optimiser.step()
        with torch.no_grad():
            for p, w, r in zip(parameters, start, reach):
                p.copy_(torch.maximum(torch.minimum(p, w + r), w - r))
    after = mean_loss(model, rows)
    moved = sum(float(((p.detach() - w) ** 2).sum()) for p, w in zip(parameters, start)) ** 0.5
    return {"shape": shape, "epsilon": epsilon, "learning_rate": learning_rate, "directions": directions,
            "before": before, "after": after, "sharpness": 100 * (after - before) / (1 + before), "moved": moved}


def main():
    rows = json.loads((HERE / "recipes" / "expected.json").read_text())["examples"]
    cases = [case(rows, *c) for c in CASES]
    for one in cases:
        print({name: one[name] for name in ("shape", "epsilon", "directions", "sharpness", "moved")})
    result = {"batch_size": BATCH, "seed": SEED, "examples": rows, "cases": cases}
    (HERE / "sharpness.json").write_text(json.dumps(result) + "\n")


main()
