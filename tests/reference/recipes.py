"""Writes tests/reference/recipes/: fifty training steps of each recipe, stated plainly in double precision.

    pip install torch transformers safetensors blake3
    python recipes.py

Made with torch 2.15.0, transformers 5.23.0, blake3 1.0.11, from the model in tests/reference/bert/. Gradients are
PyTorch's, the updates are written out below. For the two recipes that PyTorch has too, its own optimiser, clipping
and transformers' schedule are run beside them and must end at the same weights. Read by src/train/tests/parity.rs.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from streams import Stream
from transformers import BertConfig, BertForSequenceClassification, get_linear_schedule_with_warmup

HERE = Path(__file__).parent
OUT = HERE / "recipes"
ROWS, BATCH, STEPS, ORDER_SEED = 26, 8, 50, 2
LEARNING_RATE = 5e-4
# The last batch of an epoch has two rows. Google's script repeats the rows before it batches them, so that they come
# into a batch with rows of the next epoch: ⌊26/8 · 15.4⌋ = 50 steps. 16.7 epochs of three full batches are 50, too.
RECIPES = {
    "google-bert": {"epochs": 15.4, "drop_last": None, "act": "gelu_new", "clip": True, "decay": 0.01, "eps": 1e-6,
                    "corrected": False},
    "hf-flax": {"epochs": 16.7, "drop_last": True, "act": "gelu", "clip": False, "decay": 0.0, "eps": 1e-6,
                "corrected": True},
    "adamw": {"epochs": 12.5, "drop_last": False, "act": "gelu", "clip": True, "decay": 0.01, "eps": 1e-8,
              "corrected": True},
}


def learning_rate(name, t):
    """Of step t, counted from 0."""
    if name == "google-bert":
        total = math.floor(ROWS / BATCH * RECIPES[name]["epochs"])
        warmup = math.floor(0.1 * total)
        return LEARNING_RATE * (t / warmup if t < warmup else 1 - t / total)
    if name == "hf-flax":
        return LEARNING_RATE * (1 - t / STEPS)
    warmup = math.ceil(0.1 * STEPS)
    return LEARNING_RATE * (t / warmup if t < warmup else (STEPS - t) / (STEPS - warmup))


def examples():
    """Rows of 2 to 12 tokens with a label that the tokens decide."""
    g = torch.Generator().manual_seed(31)
    rows = []
    for _ in range(ROWS):
        n = int(torch.randint(2, 13, (1,), generator=g))
        ids = torch.randint(5, 50, (n,), generator=g).tolist()
        rows.append({"input_ids": ids, "token_type_ids": [0] * (n // 2) + [1] * (n - n // 2), "label": ids[0] % 3})
    return rows


def batches(rows, drop_last):
    """The rows of each step: a new order every epoch, taken as it comes."""
    out, epoch, order = [], 0, []
    while len(out) < STEPS:
        # `None`: what is left of an epoch stands before the next.
        rest = order[len(order) // BATCH * BATCH :] if drop_last is None else []
        order = rest + list(Stream("order", ORDER_SEED, epoch).permutation(len(rows)))
        parts = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
        out += [part for part in parts if len(part) == BATCH or drop_last is False]
        epoch += 1
    return out[:STEPS]


def collate(rows):
    width = max(len(row["input_ids"]) for row in rows)
    pad = lambda name: torch.tensor([row[name] + [0] * (width - len(row[name])) for row in rows])
    mask = torch.tensor([[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows])
    labels = torch.tensor([row["label"] for row in rows])
    return {"input_ids": pad("input_ids"), "token_type_ids": pad("token_type_ids"), "attention_mask": mask,
            "labels": labels}


def load(act):
    config = BertConfig.from_pretrained(HERE / "bert", attn_implementation="eager", hidden_act=act)
    model = BertForSequenceClassification(config).double().eval()
    model.load_state_dict({name: t.double() for name, t in load_file(HERE / "bert" / "model.safetensors").items()})
    return model


def decays(name):
    return not (name.endswith("bias") or "LayerNorm" in name)


def plain(name, rows):
    r = RECIPES[name]
    model = load(r["act"])
    parameters = dict(model.named_parameters())
    m = {n: torch.zeros_like(p) for n, p in parameters.items()}
    v = {n: torch.zeros_like(p) for n, p in parameters.items()}
    log = []
    for t, part in enumerate(batches(rows, r["drop_last"])):
        loss = model(**collate([rows[i] for i in part])).loss
        gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))
        norm = math.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
        log.append({"loss": loss.item(), "norm": norm, "learning_rate": learning_rate(name, t)})
        scale = min(1.0, 1.0 / norm) if r["clip"] else 1.0
        with torch.no_grad():
            for n, p in parameters.items():
                g = gradients[n] * scale
                m[n] = 0.9 * m[n] + 0.1 * g
                v[n] = 0.999 * v[n] + 0.001 * g * g
                first, second = (1 - 0.9 ** (t + 1), 1 - 0.999 ** (t + 1)) if r["corrected"] else (1, 1)
                update = (m[n] / first) / ((v[n] / second).sqrt() + r["eps"])
                p -= learning_rate(name, t) * (update + (r["decay"] * p if decays(n) else 0))
    return {n: p.detach() for n, p in parameters.items()}, log


def pytorch(name, rows):
    """The same with PyTorch's optimiser and transformers' schedule."""
    r = RECIPES[name]
    model = load(r["act"])
    groups = [{"params": [p for n, p in model.named_parameters() if decays(n) == d], "weight_decay": r["decay"] * d}
              for d in (True, False)]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, eps=r["eps"])
    warmup = 0 if name == "hf-flax" else math.ceil(0.1 * STEPS)
    schedule = get_linear_schedule_with_warmup(optimiser, warmup, STEPS)
    for part in batches(rows, r["drop_last"]):
        model.zero_grad()
        model(**collate([rows[i] for i in part])).loss.backward()
        if r["clip"]:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return {n: p.detach() for n, p in model.named_parameters()}


def main():
    OUT.mkdir(exist_ok=True)
    rows = examples()
    result = {"batch_size": BATCH, "learning_rate": LEARNING_RATE, "order_seed": ORDER_SEED, "examples": rows}
    for name, r in RECIPES.items():
        after, log = plain(name, rows)
        if name != "google-bert":
            own = pytorch(name, rows)
            worst = max(float((own[n] - p).abs().max()) for n, p in after.items() if not n.endswith("key.bias"))
            print(name, "and PyTorch's own optimiser differ by", worst)
            assert worst < 1e-5
        save_file({n: p.float().contiguous() for n, p in after.items()}, OUT / f"{name}.safetensors", {"format": "pt"})
        result[name] = {"epochs": r["epochs"], "rows": batches(rows, r["drop_last"]), "log": log}
        print(name, "loss from", log[0]["loss"], "to", log[-1]["loss"], "largest norm", max(s["norm"] for s in log))
    (OUT / "expected.json").write_text(json.dumps(result) + "\n")


main()
