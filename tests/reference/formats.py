"""Writes tests/reference/formats/: one tiny random BERT classifier in every format that is read, by the real libraries.

The libraries do not share an environment well, so there is a step for each, in this order:
  python tests/reference/formats.py torch        torch 2.15, transformers 5.23, safetensors 0.8
  python tests/reference/formats.py flax         flax 0.12, ml_dtypes 0.6, safetensors 0.8
  python tests/reference/formats.py tensorflow   tensorflow-cpu 2.21, safetensors 0.8
The Rust tests read the files; they never run this script.

transformers 5 has no Flax models any more. The Flax tree is built by hand, with the names that
FlaxBertForSequenceClassification of transformers 4 gives (modeling_flax_bert.py); the TensorFlow names are those of
Google's modeling.py and run_classifier.py.
"""

import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent / "formats"
SIZES = dict(
    vocab_size=40, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=12, type_vocab_size=2,
)
WORDS = "the a doctor tourist guest saw knew drew who and not in of was The Doctor café ##s ##ed . , ? !".split()


def vocabulary():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS
    return tokens + [f"[unused{i}]" for i in range(SIZES["vocab_size"] - len(tokens))]


def write_torch():
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(3)
    config = BertConfig(**SIZES, layer_norm_eps=1e-12, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    model = BertForSequenceClassification(config).eval()
    for p in model.parameters():
        p.data = torch.randn_like(p)
    model.save_pretrained(OUT)
    (OUT / "vocab.txt").write_text("\n".join(vocabulary()) + "\n")
    # state_dict() carries the attribute `_metadata`, so this is an OrderedDict with a state of its own.
    state = model.state_dict()
    state["bert.embeddings.position_ids"] = torch.arange(12).unsqueeze(0)
    torch.save(state, OUT / "zip.bin")
    torch.save(state, OUT / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": dict(state), "epoch": 3}, OUT / "protocol4.bin", pickle_protocol=4)

    # A training loop's, of a compiled model on several devices.
    wrapped = {f"_orig_mod.module.{name}": tensor for name, tensor in model.state_dict().items()}
    optimizer = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    torch.save({"model": wrapped, "step": 3, "optimizer": optimizer}, OUT / "wrapped.bin")

    base = torch.randn(6, 10)
    odd = {
        "half": torch.randn(3, 5).half(),
        "bfloat": torch.randn(3, 5).bfloat16(),
        "double": torch.randn(4, dtype=torch.float64),
        "extremes": torch.tensor([0.0, -0.0, float("inf"), -float("inf"), 1e-45, 3.4e38]),
        "half_extremes": torch.tensor([65504.0, 6e-8, 6.1e-5, -float("inf")]).half(),
        "transposed": torch.randn(4, 7).t(),
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "slice": base[1:5, 2:9:3],
        "shared": base,
        "last": base[5],
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "bert.embeddings.position_ids": torch.arange(4),
    }
    torch.save(odd, OUT / "odd_zip.bin")
    torch.save(odd, OUT / "odd_legacy.bin", _use_new_zipfile_serialization=False)
    plain = {name: t.detach().float().contiguous().clone() for name, t in odd.items() if "position_ids" not in name}
    save_file(plain, OUT / "odd.safetensors")

    class Trap:
        def __reduce__(self):
            return os.system, ("echo this must never run",)

    torch.save({"classifier.weight": Trap()}, OUT / "trap_zip.bin")
    torch.save({"classifier.weight": Trap()}, OUT / "trap_legacy.bin", _use_new_zipfile_serialization=False)
    # What stays unread: sparse tensors, whole modules, other objects.
    torch.save({"x": torch.eye(2).to_sparse()}, OUT / "sparse.bin")


def state_dict():
    from safetensors.numpy import load_file

    return load_file(OUT / "model.safetensors")


def flax_tree(state):
    tree = {}
    for name, value in state.items():
        path = name.split(".")
        leaf = "bias"
        if path[-1] == "weight":
            if "LayerNorm" in path:
                leaf = "scale"
            elif path[-2].endswith("_embeddings"):
                leaf = "embedding"
            else:
                leaf, value = "kernel", value.T
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree


def write_flax():
    import ml_dtypes
    from flax import serialization
    from safetensors.numpy import save_file

    tree = flax_tree(state_dict())
    (OUT / "flax.msgpack").write_bytes(serialization.to_bytes(tree))
    # What Flax does above one gigabyte, here above 100 bytes.
    serialization.MAX_CHUNK_SIZE = 100
    (OUT / "chunked.msgpack").write_bytes(serialization.msgpack_serialize({"params": tree}))
    serialization.MAX_CHUNK_SIZE = 2**30

    draw = np.random.default_rng(4)
    odd = {
        "half": draw.normal(size=(3, 5)).astype(np.float16),
        "bfloat": draw.normal(size=(3, 5)).astype(ml_dtypes.bfloat16),
        "double": draw.normal(size=4),
        "scalar": np.array(1.5, np.float32),
    }
    tree = {name: {"bias": value} for name, value in odd.items()}
    (OUT / "odd.msgpack").write_bytes(serialization.msgpack_serialize(tree))
    plain = {f"{name}.bias": np.asarray(value, np.float32) for name, value in odd.items()}
    save_file(plain, OUT / "odd_flax.safetensors")


def google(name, value):
    for old, new in [("classifier.weight", "output_weights"), ("classifier.bias", "output_bias")]:
        if name == old:
            return new, value
    name = name.replace(".layer.", "/layer_").replace("LayerNorm.weight", "LayerNorm.gamma")
    name = name.replace("LayerNorm.bias", "LayerNorm.beta").replace("_embeddings.weight", "_embeddings")
    if name.endswith(".weight"):
        name, value = name.removesuffix("weight") + "kernel", value.T
    return name.replace(".", "/"), value


def write_tensorflow():
    import ml_dtypes
    import tensorflow as tf
    from safetensors.numpy import save_file

    named = dict(google(name, value) for name, value in state_dict().items())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in named.items():
            tf.compat.v1.get_variable(name, initializer=np.ascontiguousarray(value))
        for name in ("output_bias", "bert/pooler/dense/kernel"):
            for slot in ("adam_m", "adam_v"):
                tf.compat.v1.get_variable(f"{name}/{slot}", initializer=np.ones_like(named[name]))
        tf.compat.v1.get_variable("global_step", initializer=np.int64(1000))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(OUT / "bert_model.ckpt"), write_meta_graph=False)
    (OUT / "checkpoint").unlink()
    config = SIZES | dict(hidden_act="gelu", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
                          initializer_range=0.02)
    (OUT / "bert_config.json").write_text(json.dumps(config, indent=2) + "\n")
    with zipfile.ZipFile(OUT / "cased_tiny.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("cased_tiny")
        names = ["bert_config.json", "vocab.txt", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"]
        for name in names:
            archive.write(OUT / name, f"cased_tiny/{name}")

    # Two shards, the heads of pre-training, and every float.
    draw = np.random.default_rng(6)
    heads = {
        "cls/predictions/transform/dense/kernel": draw.normal(size=(4, 6)).astype(np.float32),
        "cls/predictions/transform/dense/bias": draw.normal(size=6).astype(np.float16),
        "cls/predictions/transform/LayerNorm/gamma": draw.normal(size=6),
        "cls/predictions/transform/LayerNorm/beta": draw.normal(size=6).astype(ml_dtypes.bfloat16),
        "cls/predictions/output_bias": draw.normal(size=40).astype(np.float32),
        "cls/seq_relationship/output_weights": draw.normal(size=(2, 6)).astype(np.float32),
        "cls/seq_relationship/output_bias": draw.normal(size=2).astype(np.float32),
    }
    parts = [list(heads)[:3], list(heads)[3:]]
    prefixes = []
    for number, part in enumerate(parts):
        prefix = str(OUT / f"part-{number}")
        tf.raw_ops.SaveV2(prefix=prefix, tensor_names=part, shape_and_slices=[""] * len(part),
                          tensors=[tf.constant(heads[name]) for name in part])
        prefixes.append(prefix)
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=str(OUT / "sharded.ckpt"),
                                  delete_old_dirs=False)
    pytorch = {
        "cls.predictions.transform.dense.weight": heads["cls/predictions/transform/dense/kernel"].T.copy(),
        "cls.predictions.transform.dense.bias": heads["cls/predictions/transform/dense/bias"],
        "cls.predictions.transform.LayerNorm.weight": heads["cls/predictions/transform/LayerNorm/gamma"],
        "cls.predictions.transform.LayerNorm.bias": heads["cls/predictions/transform/LayerNorm/beta"],
        "cls.predictions.bias": heads["cls/predictions/output_bias"],
        "cls.seq_relationship.weight": heads["cls/seq_relationship/output_weights"],
        "cls.seq_relationship.bias": heads["cls/seq_relationship/output_bias"],
    }
    save_file({name: np.asarray(value, np.float32) for name, value in pytorch.items()}, OUT / "sharded.safetensors")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    {"torch": write_torch, "flax": write_flax, "tensorflow": write_tensorflow}[sys.argv[1]]()
