"""Writes tests/reference/bert/: a tiny BERT and what PyTorch and transformers compute with it.

Run with: python tests/reference/bert.py   (needs torch, transformers, safetensors; the CPU is enough)
Made with torch 2.15.0 and transformers 5.23.0. Run recipes.py after it, which trains this model.
The Rust tests read the files; they never run this script.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

OUT = Path(__file__).parent / "bert"
LENGTHS = [9, 4, 7, 2, 9, 5]
WIDTH = 9


def config(act, **extra):
    return BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        hidden_act=act, max_position_embeddings=12, type_vocab_size=2, layer_norm_eps=1e-12,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3,
        id2label={0: "first", 1: "second", 2: "third"}, label2id={"first": 0, "second": 1, "third": 2},
        attn_implementation="eager", **extra,
    )


def classifier(act, state=None):
    torch.manual_seed(5)
    model = BertForSequenceClassification(config(act)).eval()
    if state is None:
        # Far from the usual initialisation, so that no term of the forward pass is negligible.
        for name, p in model.named_parameters():
            p.data = torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.2) + (1.0 if name.endswith("LayerNorm.weight") else 0.0)
    else:
        model.load_state_dict(state)
    return model


def batch():
    g = torch.Generator().manual_seed(11)
    ids = torch.randint(5, 50, (len(LENGTHS), WIDTH), generator=g)
    mask = torch.tensor([[1.0] * n + [0.0] * (WIDTH - n) for n in LENGTHS])
    types = torch.tensor([[0] * (n // 2) + [1] * (n - n // 2) + [0] * (WIDTH - n) for n in LENGTHS])
    ids = torch.where(mask > 0, ids, torch.zeros_like(ids))
    return ids, types, mask, torch.tensor([0, 2, 1, 1, 0, 2])


def tensors(model):
    return {k: v.detach().clone().contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}


def loss_of(model, ids, types, mask, labels):
    return model(input_ids=ids, token_type_ids=types, attention_mask=mask, labels=labels)


def states(model, ids, types, mask):
    """The output of the embeddings and of every layer, and the pooler's."""
    out = model.bert(input_ids=ids, token_type_ids=types, attention_mask=mask, output_hidden_states=True)
    return {f"state.{i}": h.detach().clone() for i, h in enumerate(out.hidden_states)} | {
        "pooler": out.pooler_output.detach().clone()}


def main():
    OUT.mkdir(exist_ok=True)
    model = classifier("gelu")
    state = tensors(model)
    config("gelu").save_pretrained(OUT)
    raw = json.loads((OUT / "config.json").read_text())
    raw["architectures"] = ["BertForSequenceClassification"]
    (OUT / "config.json").write_text(json.dumps(raw, indent=2) + "\n")
    save_file(state, OUT / "model.safetensors", metadata={"format": "pt"})
    ids, types, mask, labels = batch()
    result = {"rows": len(LENGTHS), "width": WIDTH, "input_ids": ids.flatten().tolist(),
              "token_type_ids": types.flatten().tolist(), "attention_mask": mask.flatten().tolist(),
              "labels": labels.tolist()}
    expected, hidden = {}, {}
    for act in ("gelu", "gelu_new"):
        m = classifier(act, state)
        out = loss_of(m, ids, types, mask, labels)
        out.loss.backward()
        result[act] = {"logits": out.logits.flatten().tolist(), "loss": out.loss.item()}
        expected |= {f"{act}.{n}": p.grad.clone() for n, p in m.named_parameters()}
        hidden |= {f"{act}.{n}": h for n, h in states(m, ids, types, mask).items()}
    save_file(hidden, OUT / "states.safetensors")
    save_file(expected, OUT / "gradients.safetensors")

    torch.manual_seed(7)
    lm = BertForMaskedLM(config("gelu")).eval()
    own = {k: v for k, v in state.items() if k.startswith("bert.") and "pooler" not in k}
    lm.load_state_dict(own, strict=False)
    for name, p in lm.named_parameters():
        if name.startswith("cls."):
            p.data = torch.randn_like(p) * 0.3
    targets = torch.full_like(ids, -100)
    positions = [1, 10, 20, 36 + 3]
    for k, p in enumerate(positions):
        targets.view(-1)[p] = 6 + k
    out = lm(input_ids=ids, token_type_ids=types, attention_mask=mask, labels=targets)
    out.loss.backward()
    head = {k: v for k, v in tensors(lm).items() if k.startswith("cls.") and "decoder" not in k}
    grads = {n: p.grad.clone() for n, p in lm.named_parameters() if p.grad is not None}
    # Every parameter but the pooler, which the loss does not depend on.
    save_file(head | {f"gradient.{name}": g for name, g in grads.items()}, OUT / "masked.safetensors")
    result["masked"] = {"positions": positions, "targets": [6 + k for k in range(len(positions))],
                        "loss": out.loss.item()}
    (OUT / "expected.json").write_text(json.dumps(result) + "\n")


main()
