"""Writes tests/reference/architectures/: tiny random kin of BERT and what PyTorch and transformers compute with them.

Run with: python tests/reference/architectures.py   (needs torch, transformers, safetensors; the CPU is enough)
Made with torch 2.15, transformers 5.23. The Rust tests read the files; they never run this script.

The other direction, by hand: `ARCHITECTURES_OUT=FOLDER cargo test --release --lib write_checkpoints -- --ignored` fine-tunes
each a little and writes the checkpoints with the logits that the Rust code computes, then
`python tests/reference/architectures.py check FOLDER` loads them with transformers and compares.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification

OUT = Path(__file__).parent / "architectures"
LENGTHS = [9, 4, 7, 2, 9, 5]
WIDTH = 9
RATES = {"hidden": 0.11, "attention": 0.12, "classifier": 0.13}
LABELS = {
    "id2label": {0: "first", 1: "second", 2: "third"},
    "label2id": {"first": 0, "second": 1, "third": 2},
}
BERT_SIZES = dict(
    vocab_size=40, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
    hidden_dropout_prob=RATES["hidden"], attention_probs_dropout_prob=RATES["attention"],
    classifier_dropout=RATES["classifier"],
)
ROBERTA = BERT_SIZES | dict(
    max_position_embeddings=14, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
)
CASES = {
    "roberta": ("roberta", ROBERTA),
    "xlm-roberta": ("xlm-roberta", ROBERTA),
    "distilbert": ("distilbert", dict(
        vocab_size=40, dim=8, n_layers=2, n_heads=2, hidden_dim=16, max_position_embeddings=12,
        dropout=RATES["hidden"], attention_dropout=RATES["attention"], seq_classif_dropout=RATES["classifier"],
    )),
    "electra": ("electra", BERT_SIZES | dict(embedding_size=8, max_position_embeddings=12)),
    "electra-projected": ("electra", BERT_SIZES | dict(embedding_size=4, max_position_embeddings=12)),
}


def build(kind, fields):
    torch.manual_seed(5)
    config = AutoConfig.for_model(kind, **fields, **LABELS)
    config._attn_implementation = "eager"
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    # Far from the usual initialisation, so that no term of the forward pass is negligible.
    for name, p in model.named_parameters():
        norm = "norm.weight" in name.lower()
        p.data = torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.2) + (1.0 if norm else 0.0)
    return model


def batch(pad):
    g = torch.Generator().manual_seed(11)
    ids = torch.randint(5, 40, (len(LENGTHS), WIDTH), generator=g)
    mask = torch.tensor([[1.0] * n + [0.0] * (WIDTH - n) for n in LENGTHS])
    types = torch.tensor([[0] * (n // 2) + [1] * (n - n // 2) + [0] * (WIDTH - n) for n in LENGTHS])
    ids = torch.where(mask > 0, ids, torch.full_like(ids, pad))
    return ids, types, mask, torch.tensor([0, 2, 1, 1, 0, 2])


def inputs(kind, ids, types, mask):
    """DistilBERT takes no token types, and RoBERTa's tokenizer gives none."""
    given = {"input_ids": ids, "attention_mask": mask}
    return given | {"token_type_ids": types} if kind == "electra" else given


def dropout_places(model, given):
    """The rate and the shape of every dropout of one forward pass in training, in order."""
    places, original = [], torch.nn.functional.dropout

    def spy(x, p=0.5, training=True, inplace=False):
        if training:
            places.append([p, list(x.shape)])
        return original(x, p, training, inplace)

    torch.nn.functional.dropout = spy
    model.train()(**given)
    model.eval()
    torch.nn.functional.dropout = original
    return places


def main():
    for name, (kind, fields) in CASES.items():
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        model = build(kind, fields)
        state = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        model.config.save_pretrained(folder)
        raw = json.loads((folder / "config.json").read_text())
        raw["architectures"] = [type(model).__name__]
        (folder / "config.json").write_text(json.dumps(raw, indent=2) + "\n")
        ids, types, mask, labels = batch(model.config.pad_token_id)
        result = {"rows": len(LENGTHS), "width": WIDTH, "input_ids": ids.flatten().tolist(),
                  "token_type_ids": types.flatten().tolist(), "attention_mask": mask.flatten().tolist(),
                  "labels": labels.tolist()}
        out = model(**inputs(kind, ids, types, mask), labels=labels)
        out.loss.backward()
        result |= {"logits": out.logits.flatten().tolist(), "loss": out.loss.item()}
        save_file({n: p.grad.clone() for n, p in model.named_parameters()}, folder / "gradients.safetensors")
        # Holes in the mask, and a padding token inside a text: what counts for a position?
        odd_ids, odd_mask = ids.clone(), mask.clone()
        odd_ids[0, 4] = model.config.pad_token_id
        odd_mask[0, 6] = odd_mask[2, 1] = odd_mask[4, 3] = 0.0
        odd_ids[4, 3] = model.config.pad_token_id
        odd = model(**inputs(kind, odd_ids, types, odd_mask))
        result["odd"] = {"input_ids": odd_ids.flatten().tolist(), "attention_mask": odd_mask.flatten().tolist(),
                         "logits": odd.logits.flatten().tolist()}
        result["dropout"] = dropout_places(model, inputs(kind, ids[:1], types[:1], mask[:1]))
        (folder / "expected.json").write_text(json.dumps(result) + "\n")


def check(folder):
    for name, (kind, _) in CASES.items():
        model, info = AutoModelForSequenceClassification.from_pretrained(
            folder / name, output_loading_info=True, attn_implementation="eager")
        wrong = {k: v for k, v in info.items() if v}
        written = json.loads((folder / name / "logits.json").read_text())
        ids, types, mask, _ = batch(model.config.pad_token_id)
        with torch.no_grad():
            logits = model.eval()(**inputs(kind, ids, types, mask)).logits.flatten()
        worst = (logits - torch.tensor(written["logits"])).abs().max().item()
        architectures, original = model.config.architectures, json.loads((OUT / name / "config.json").read_text())
        same = architectures == original["architectures"] and model.config.id2label == LABELS["id2label"]
        print(f"{name}: {type(model).__name__}, largest difference {worst:.2e}, config kept: {same}, loading: {wrong or 'clean'}")
        assert worst < 1e-5 and same and not wrong


if sys.argv[1:2] == ["check"]:
    check(Path(sys.argv[2]))
else:
    main()
