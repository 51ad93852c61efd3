"""Compares the built program with transformers on a real model and real text: layers, pooler and logits.

    pip install torch transformers safetensors pyarrow
    python minilm.py PROGRAM MODEL TEXTS [ROWS]

PROGRAM is target/release/pipeline, MODEL the folder of a BERT with its tokenizer (sentence-transformers/
all-MiniLM-L6-v2), TEXTS a tab-separated file whose header names two columns of sentences, "sentence1" and
"sentence2", such as PAWS's; its first ROWS rows (default 256) are used. Nothing is written outside a temporary folder.

Only a classifier's logits can be seen from outside, so the inside is brought there: a model cut after layer k, with a
pooler that passes a twentieth of the first token's state through the hyperbolic tangent and a classifier that passes
the pooler on, has that state in its logits. The true pooler and a random classifier on top come last. Each is a local
folder that one [eval] stage scores; the logits of every example are read from the cache.

Exits with 1 if anything differs by more than 1e-4. With transformers 5.23.0 and torch 2.15.0 the states, which reach
10.5, differ by at most 6e-6, pooler and logits by 8e-7, on the 677 dev and test rows of PAWS-QQP.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertModel

TOLERANCE = 1e-4
SHRINK = 0.05
MAX_LENGTH = 128


def rows(path, count):
    with open(path, encoding="utf-8") as file:
        header = file.readline().rstrip("\n").split("\t")
        a, b = header.index("sentence1"), header.index("sentence2")
        lines = [line.rstrip("\n").split("\t") for _, line in zip(range(count), file)]
    return [(line[a], line[b]) for line in lines]


def variants(config, state):
    """Name, number of layers, pooler's weight and bias, classifier's weight."""
    hidden = config.hidden_size
    identity, none = torch.eye(hidden), torch.zeros(hidden)
    pooler = state["pooler.dense.weight"], state["pooler.dense.bias"]
    for layers in range(1, config.num_hidden_layers + 1):
        yield f"layer-{layers}", layers, (SHRINK * identity, none), identity
    yield "pooler", config.num_hidden_layers, pooler, identity
    head = torch.randn(3, hidden, generator=torch.Generator().manual_seed(3)) * 0.2
    yield "logits", config.num_hidden_layers, pooler, head


def write_model(folder, source, raw, state, layers, pooler, head):
    folder.mkdir(parents=True)
    labels = {str(i): f"class{i}" for i in range(len(head))}
    own = raw | {"num_hidden_layers": layers, "id2label": labels, "architectures": ["BertForSequenceClassification"]}
    own["label2id"] = {name: int(i) for i, name in labels.items()}
    (folder / "config.json").write_text(json.dumps(own))
    shutil.copy(source / "tokenizer.json", folder)
    left_out = tuple(f"encoder.layer.{i}." for i in range(layers, raw["num_hidden_layers"]))
    kept = {f"bert.{n}": t for n, t in state.items() if not n.startswith((*left_out, "pooler.")) and "position_ids" not in n}
    kept |= {"bert.pooler.dense.weight": pooler[0], "bert.pooler.dense.bias": pooler[1]}
    kept |= {"classifier.weight": head, "classifier.bias": torch.zeros(len(head))}
    save_file({n: t.contiguous().clone() for n, t in kept.items()}, folder / "model.safetensors", {"format": "pt"})


def program_logits(program, folder, names):
    lines = ['[experiment]\nname = "minilm"\n[fetch.text]\ndataset = "path:data"\ntext = ["a", "b"]',
             'label = "label"\nlabels = ["class0", "class1", "class2"]']
    for name in names:
        lines.append(f'[fetch.{name}]\nmodel = "path:models/{name}"')
        lines.append(f'[eval.{name}]\nmodels = "{name}"\ndata = "text.rows"\nmax_length = {MAX_LENGTH}')
    (folder / "study.toml").write_text("\n".join(lines) + "\n")
    subprocess.run([program, "run", "study.toml", "--backend", "cpu", "--log-format", "json"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    manifests = [json.loads(path.read_text()) for path in (folder / "cache/v1/steps").glob("*/*.json")]
    outputs = {manifest["step"].split("[")[0]: manifest["outputs"] for manifest in manifests}
    for name in names:
        digest = outputs[f"eval.{name}"]["examples"]["digest"].removeprefix("blake3:")
        table = pyarrow.parquet.read_table(folder / "cache/v1/objects" / digest[:2] / digest)
        columns = [torch.tensor(table[c].to_pylist()) for c in table.column_names if c.startswith("logit_")]
        yield name, torch.stack(columns, dim=1).double()


def main():
    program, source, texts, count = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3], 256
    if len(sys.argv) > 4:
        count = int(sys.argv[4])
    pairs = rows(texts, count)
    raw = json.loads((source / "config.json").read_text())
    config = BertConfig.from_pretrained(source, attn_implementation="eager")
    state = {n.removeprefix("bert."): t.float() for n, t in load_file(source / "model.safetensors").items()}
    model = BertModel.from_pretrained(source, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    states, pooled = [], []
    with torch.no_grad():
        for pair in pairs:
            # One row at a time: no padding on this side.
            tokens = tokenizer([pair[0]], [pair[1]], truncation="longest_first", max_length=MAX_LENGTH, return_tensors="pt")
            out = model(**tokens, output_hidden_states=True)
            states.append(torch.stack([h[0, 0] for h in out.hidden_states[1:]]))
            pooled.append(out.pooler_output[0])
    states, pooled = torch.stack(states).double(), torch.stack(pooled).double()

    worst = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "data").mkdir()
        with open(folder / "data/rows.jsonl", "w", encoding="utf-8") as file:
            for i, (a, b) in enumerate(pairs):
                file.write(json.dumps({"a": a, "b": b, "label": i % 3}) + "\n")
        parts = {}
        for name, layers, pooler, head in variants(config, state):
            write_model(folder / "models" / name, source, raw, state, layers, pooler, head)
            parts[name] = (layers, head)
        for name, logits in program_logits(program, folder, list(parts)):
            layers, head = parts[name]
            if name.startswith("layer"):
                worst[name] = (torch.atanh(logits) / SHRINK - states[:, layers - 1]).abs().max().item()
            else:
                worst[name] = (logits - pooled @ head.double().T).abs().max().item()
    print(len(pairs), "pairs; first tokens' states reach", states.abs().max().item())
    for name, difference in worst.items():
        print(f"{name:8} {difference:.2e}")
    sys.exit(max(worst.values()) > TOLERANCE)


main()
