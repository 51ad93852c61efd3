"""Writes the folders beside this file: for each target of src/hostile.rs a few small files that are read without
complaint, or nearly, from which the fuzzers of tests/hostile/ and fuzz/ start.

    pip install numpy pyarrow tokenizers torch && python make.py MANIFEST.json TOKENIZER.json

The two arguments come out of the cache of a run of tests/program/tiny.toml: a manifest with inputs and inline outputs,
and an object that is a tokenizer. Made with pyarrow 26.0, tokenizers 0.23, torch 2.15. Files that a fuzzer found
(`found-*`) are added by hand and stay.
"""

import io
import json
import pathlib
import struct
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

HERE = pathlib.Path(__file__).parent
REFERENCE = HERE.parent / "reference"
STUDIES = HERE.parent.parent / "experiments"
BETWEEN = b"\n%%\n"
LISTING = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lab</Name><Prefix>qqp/</Prefix><KeyCount>2</KeyCount>
<IsTruncated>true</IsTruncated><NextContinuationToken>1/x&amp;+=&#x3d;</NextContinuationToken>
<Contents><Key>qqp/v1/a</Key><LastModified>2026-11-25T14:05:09.000Z</LastModified><ETag>&quot;ab&quot;</ETag><Size>7</Size></Contents>
<Contents><Key>qqp/v1/b&lt;c</Key><LastModified>2024-02-29T23:59:60Z</LastModified><Size>18446744073709551615</Size></Contents>
</ListBucketResult>
"""


def put(target, name, data):
    data = data.encode() if isinstance(data, str) else data
    assert len(data) < 5000, (target, name, len(data))
    (HERE / target).mkdir(exist_ok=True)
    (HERE / target / name).write_bytes(data)


def readmes():
    readme = """---
license: mit
configs:
- config_name: default  # the first
  data_files:
  - split: train
    path: [train.csv, "t*n.csv"]
  - split: dev
    path:
    - "**/*.csv"
- config_name: other
  data_dir: other
  data_files:
  - {split: dev, path: '[a-t]rain.csv'}
dataset_info:
  features:
  - name: text
    dtype: string
---
# Data
"""
    put("readme", "listed.md", readme)


def experiments():
    for name in ["quickstart", "qqp", "published-qqp", "cola"]:
        put("experiment", f"{name}.toml", (STUDIES / f"{name}.toml").read_bytes())
    analyses = """
[sharpness.sharp]
models = "agents"
data = "sentences.in_domain"
epsilon = 1e-5

[agreement.same]
of = "passive"

[dynamics.training]
of = ["basins", "basins"]

[surface.plane]
models = "agents"
planes = [[0, 1, 2]]
data = "sentences.in_domain"
range = 2.0
points_per_unit = 2

[plot.planes]
kind = "surface"
of = "plane"
clip_x = [-1, 2]
"""
    tiny = (HERE.parent / "program" / "tiny.toml").read_text()
    put("experiment", "tiny.toml", tiny + analyses)
    crossed = tiny.replace('seeds = "0..4"', 'head_seeds = "0..2"\norder_seeds = "0, 3"\ndropout_seed = 0')
    put("experiment", "crossed.toml", crossed)


def checkpoints():
    for name in ["sharded.safetensors", "odd_flax.safetensors", "odd.safetensors"]:
        put("safetensors", name, (REFERENCE / "formats" / name).read_bytes())
    for name in ["sparse.bin", "odd_legacy.bin", "trap_zip.bin", "trap_legacy.bin", "odd_zip.bin"]:
        put("torch", name, (REFERENCE / "formats" / name).read_bytes())
    state = {"bert.pooler.dense.weight": torch.arange(6.0).reshape(2, 3).t(), "classifier.bias": torch.ones(2).half()}
    for name, new in [("small_zip.bin", True), ("small_legacy.bin", False)]:
        buffer = io.BytesIO()
        torch.save(state, buffer, _use_new_zipfile_serialization=new)
        put("torch", name, buffer.getvalue())
    for file in sorted((REFERENCE / "published").glob("surface*.pkl")):
        put("surface", file.name, file.read_bytes())
    put("flax", "odd.msgpack", (REFERENCE / "formats" / "odd.msgpack").read_bytes())
    put("flax", "chunked.msgpack", chunked())
    put("tensorflow", "index_and_data", index() + BETWEEN + bytes(range(36)))
    whole = (REFERENCE / "formats" / "bert_model.ckpt.index").read_bytes()
    data = (REFERENCE / "formats" / "bert_model.ckpt.data-00000-of-00001").read_bytes()
    put("tensorflow", "cut", whole + BETWEEN + data[:2000])
    put("tensorflow-entries", "entries_and_data", entries() + BETWEEN + bytes(range(36)))


def text(value):
    return bytes([0xA0 + len(value)]) + value.encode()


def chunked():
    """One array in two chunks, as flax.serialization writes arrays that are too long for one."""

    def chunk(numbers):
        raw = struct.pack(f"<{len(numbers)}f", *numbers)
        inside = b"\x93\x91" + bytes([len(numbers)]) + text("float32") + b"\xc4" + bytes([len(raw)]) + raw
        return b"\xc7" + bytes([len(inside)]) + b"\x01" + inside

    shape = b"\x82" + text("0") + b"\x02" + text("1") + b"\x03"
    chunks = b"\x82" + text("0") + chunk([1, 2, 3, 4]) + text("1") + chunk([5, 6])
    array = b"\x83" + b"\xb9" + b"__msgpack_chunked_array__" + b"\xc3" + text("shape") + shape + text("chunks") + chunks
    dense = b"\x82" + text("kernel") + array + text("bias") + chunk([1, 2, 3])
    return b"\x81" + text("params") + b"\x81" + text("classifier") + dense


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def entries():
    """Two variables of TensorFlow, in the 36 bytes 0, 1, 2, …."""
    data = bytes(range(36))

    def entry(dtype, shape, offset, size):
        dimensions = b"".join(b"\x12" + bytes([2, 0x08, dimension]) for dimension in shape)
        crc = struct.pack("<I", masked(data[offset:offset + size]))
        return b"\x08" + bytes([dtype, 0x12, len(dimensions)]) + dimensions + bytes([0x20, offset, 0x28, size, 0x35]) + crc

    block = b""
    before = b""
    values = [(b"", b"\x08\x01\x1a\x02\x08\x01"), (b"bert/pooler/dense/bias", entry(1, [3], 0, 12)),
              (b"bert/pooler/dense/kernel", entry(1, [2, 3], 12, 24)), (b"global_step", entry(9, [], 0, 8))]
    for key, value in values:
        shared = next((i for i, (a, b) in enumerate(zip(before, key)) if a != b), min(len(before), len(key)))
        block += bytes([shared, len(key) - shared, len(value)]) + key[shared:] + value
        before = key
    return block


def index():
    restarts = struct.pack("<II", 0, 1)

    def sealed(block):
        return block + b"\0" + struct.pack("<I", masked(block + b"\0"))

    def varint(value):
        return bytes([value & 0x7F | 0x80, value >> 7]) if value > 127 else bytes([value])

    data = entries() + restarts
    place = b"\0" + varint(len(data))
    top = b"\0\x01" + bytes([len(place)]) + b"z" + place + restarts
    file = sealed(data)
    footer = (b"\0\0" + varint(len(file)) + varint(len(top))).ljust(40, b"\0")
    return file + sealed(top) + footer + struct.pack("<Q", 0xDB4775248B80FB57)


def published():
    lines = REFERENCE / "published" / "lines"
    put("lines", "several.out", (lines / "101_0.out").read_bytes()[:4000])
    put("lines", "one.log", (lines / "more" / "102_0.log").read_bytes()[:4000])
    table = "".join(f"{point:11d}    0.{point}649      0.9121\n" for point in range(4))
    put("lines", "small.log", f"""Euclidean distance between 7 and 22: 13.4637451171875.
Interpolating between 7 and 22 on qqp
[0.0, 1.0]
  point_num      loss    accuracy
-----------  --------  ----------
{table}Completed interpolation from 7 to 22
""")
    for number in ["03", "40"]:
        name = f"hans_eval_bert_{number}.json"
        put("evaluations", name, (REFERENCE / "published" / "evals" / name).read_bytes())
    put("sharpness", "a.log", "loading\nɛ-sharpness of ../berts/bert_07 is 0.125\nε-sharpness of bert-100 is -1e-3\n")
    accuracies = (REFERENCE / "published" / "feather.csv").read_text().replace("Overall accuracy", "HANS")
    put("runs", "feather.csv", "".join(accuracies.splitlines(True)[:8]) + "Mean,1,1,1,1,1,1,1,1\n")


def tables():
    names = ["sentence1", "sentence2", "gold_label", "heuristic"]
    rows = [["The doctor saw the tourist.", "The tourist, \"saw\".", "non-entailment", "lexical_overlap"],
            ["It rained.\n", "Café 中", "entailment", "subsequence"], ["a", "b", "entailment", "constituent"]]
    plain = [[cell.replace("\n", " ") for cell in row] for row in rows]
    put("tsv", "hans.tsv", "\n".join("\t".join(row) for row in [names] + plain) + "\n")
    put("tsv", "numbered.tsv", "a\tb\t0\tx\r\nc\td\t1\ty\r\n")
    quoted = ["\"" + cell.replace("\"", "\"\"") + "\"" for row in rows for cell in row]
    put("csv", "hans.csv", "\ufeff" + ",".join(names) + "\r\n" + "\n".join(",".join(quoted[i:i + 4]) for i in (0, 4, 8)))
    put("jsonl", "hans.jsonl", "\n\n".join(json.dumps(dict(zip(names, row))) for row in rows))
    put("jsonl", "numbers.jsonl", '{"sentence1": "a", "sentence2": 1.5, "gold_label": 1, "heuristic": null}\n')
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    dictionary = pa.table({**columns, "heuristic": pa.array(columns["heuristic"]).dictionary_encode()})
    for name, table, options in [
        ("plain", pa.table(columns), dict(compression="none", use_dictionary=False)),
        ("zstd", pa.table(columns), dict(compression="zstd")),
        ("dictionary", dictionary, dict(compression="none")),
        ("second", pa.table({**columns, "gold_label": [0, 1, None]}), dict(compression="none", data_page_version="2.0")),
        ("delta", pa.table(columns), dict(compression="none", use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")),
        ("groups", pa.table({**columns, "heuristic": [True, False, True]}), dict(row_group_size=1, compression="none")),
    ]:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, store_schema=False, write_statistics=False, **options)
        put("parquet", f"{name}.parquet", buffer.getvalue())


def caches(manifest):
    # What it made is the object without a byte.
    nothing = {"digest": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", "size": 0}
    whole = json.loads(pathlib.Path(manifest).read_text())
    line = json.dumps(whole, separators=(",", ":"))
    outputs = [{"name": name, "digest": output["digest"], "size": output["size"], "at": 17 + line.index('"inline":') + 9}
               for name, output in whole["outputs"].items() if "inline" in output]
    entry = {"key": whole["key"], "at": 17, "bytes": len(line), "seconds": 1.5, "outputs": outputs}
    put("pack", "one", line.encode() + BETWEEN + json.dumps([entry]).encode())
    outside = entry | {"key": "00" * 32, "bytes": 1 << 62, "outputs": [outputs[0] | {"size": 1 << 62}]}
    put("pack", "two", line.encode() + BETWEEN + json.dumps([outside, entry]).encode())
    put("forged", "inline.json", json.dumps(whole))
    whole["outputs"]["model"] = nothing
    put("forged", "object.json", json.dumps(whole))


HUB = """models--a--b/refs/main = c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff
models--a--b/refs/main~step-15 = c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff
models--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/config.json -> ../../blobs/config
models--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/model.safetensors -> ../../blobs/weights
models--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/vocab.txt = [PAD]\\n[UNK]\\n[CLS]\\n[SEP]\\n[MASK]\\na
models--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/logs/a.log = 1
models--a--b/blobs/config = {"model_type": "bert"}
models--a--b/blobs/weights = 0
datasets--a--b/refs/main = c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff
datasets--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/README.md = ---\\nconfigs:\\n- config_name: default\\n  data_files: "*.csv"\\n---
datasets--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/train.csv -> ../../blobs/train
datasets--a--b/blobs/train = a,b
"""


def others_folders():
    put("hub", "whole", HUB)
    put("hub", "circles", HUB + "models--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/a -> .\nmodels--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/b -> ..\n"
        "datasets--a--b/snapshots/c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff/data/train.csv -> /dev/zero\nmodels--a--b/refs/step\n")
    study = (STUDIES.parent / "tests" / "program" / "tiny.toml").read_text()
    own = 'extends = "base.toml"\n[experiment]\nname = "other"\n[run]\njobs = 2\n[finetune.agents]\nepochs = 3\n'
    put("extends", "tiny", own.encode() + BETWEEN + study.encode())
    put("extends", "circle", own.encode() + BETWEEN + b'extends = "study.toml"\n')


def models_and_manifests(manifest, tokenizer):
    caches(manifest)
    others_folders()
    put("listing", "page.xml", LISTING)
    put("manifest", "manifest.json", pathlib.Path(manifest).read_bytes())
    for name in ["formats/config.json", "architectures/distilbert/config.json", "architectures/electra/config.json",
                 "architectures/roberta/config.json"]:
        put("config", name.split("/")[-2] + ".json", (REFERENCE / name).read_bytes())
    own = json.loads(pathlib.Path(tokenizer).read_text())
    put("tokenizer", "words.json", json.dumps(own))
    special = [("<pad>", 0.0), ("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("<mask>", 0.0)]
    unigram = Tokenizer(models.Unigram(special + [("▁the", -2.0), ("▁", -3.0), ("doc", -4.0), ("tor", -4.5)], 1))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("a", "b")])
    put("tokenizer", "unigram.json", unigram.to_str())
    pairs = {name: number for number, (name, _) in enumerate(special)} | {"Ġ": 5, "t": 6, "h": 7, "e": 8, "th": 9}
    pairs = Tokenizer(models.BPE(pairs, [("t", "h")], unk_token="<unk>"))
    pairs.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("o", "isolated"), pre_tokenizers.ByteLevel()])
    put("tokenizer", "pairs.json", pairs.to_str())
    words = (REFERENCE / "formats" / "vocab.txt").read_bytes()
    put("vocabulary", "cased", words + BETWEEN + b'{"do_lower_case": false, "strip_accents": null}')
    put("vocabulary", "bare", words)
    ways = {"content": "doctor", "lstrip": True, "rstrip": False, "normalized": True, "single_word": True, "special": False}
    said = {"do_lower_case": False, "strip_accents": True, "model_max_length": 16, "tokenizer_class": "BertTokenizer",
            "added_tokens_decoder": {"900": ways}, "additional_special_tokens": ["tourist", ways | {"content": "saw"}]}
    beside = {"tokenizer_config.json": said, "added_tokens.json": {"doctor": 900},
              "special_tokens_map.json": {"cls_token": "[CLS]"}}
    put("tokenizer-files", "all", json.dumps(own).encode() + BETWEEN + json.dumps(beside).encode())
    part = (REFERENCE / "formats" / "sharded.safetensors").read_bytes()
    where = {"weight_map": {"classifier.bias": "model-00001-of-00001.safetensors"}, "metadata": {"total_size": 8}}
    put("sharded", "one", json.dumps(where).encode() + BETWEEN + part)
    vocabulary = json.loads((REFERENCE / "byte_pairs" / "vocab.json").read_text())
    merges = (REFERENCE / "byte_pairs" / "merges.txt").read_text().splitlines(True)[:8]
    kept = dict(list(vocabulary.items())[:275])
    merges = [line for line in merges if line[0] == "#" or line.strip().replace(" ", "") in kept]
    put("byte-pairs", "some", json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode() + BETWEEN + "".join(merges).encode())
    for name, kind in [("packed", zipfile.ZIP_DEFLATED), ("stored", zipfile.ZIP_STORED)]:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", kind) as archive:
            for entry in ["config.json", "vocab.txt", "model.safetensors", "../out"]:
                archive.writestr(zipfile.ZipInfo(f"cased_tiny/{entry}"), b"{} " * 20, kind)
        put("archive", f"{name}.zip", buffer.getvalue())


if __name__ == "__main__":
    readmes()
    experiments()
    checkpoints()
    published()
    tables()
    models_and_manifests(*sys.argv[1:])
