"""Writes tokenizer_files.json beside this file: models' tokenizers as folders with one thing or another in
tokenizer_config.json, added_tokens.json and special_tokens_map.json, and what AutoTokenizer makes of the texts in
tokens.zip with each.

    pip install "transformers==4.57.1"
    python tokenizer_files.py           (writes tokenizer_files.json)
    python tokenizer_files.py check     (another version of transformers against it)

Made with transformers 4.57.1 and tokenizers 0.22.2; checked with transformers 5.23.0 and tokenizers 0.23.3, which rebuild
tokenizers in another way and give the same ids. What the two read differently is not here: it is refused. Read by
src/data/tests/tokenizer_files.rs.

A variant has its files, where `tokenizer.json` holds only what differs from that of the vocabulary in tokens.zip
(lower-cased, or as its normalizer says), `true` stands for the vocabularies themselves (vocab.txt of tokens.zip;
vocab.json and merges.txt of byte_pairs/), the SHA-256 of the ids of all rows at most 64 long (each row's number of
ids and its ids, as little-endian 32-bit numbers). Of each outcome a few rows are there to be looked at.
"""

import hashlib
import json
import os
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
HERE = Path(__file__).parent
OUT = HERE / "tokenizer_files.json"
LENGTH = 64
with zipfile.ZipFile(HERE / "tokens.zip") as archive:
    VOCABULARY = archive.read("vocab.txt").decode().split("\n")
    TEXTS = [json.loads(line) for line in archive.read("pairs.jsonl").decode().split("\n") if line]
ROWS = [(row["a"], row["b"]) for row in TEXTS]
SHOWN = [0, 25, 630, 700, 777, 850, 911, 1001, 1040, 1100, 1150]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
N = len(VOCABULARY)


def token(content, number, special=False, normalized=True, **how):
    how = {"single_word": False, "lstrip": False, "rstrip": False} | how
    return {"id": number, "content": content, **how, "normalized": normalized, "special": special}


def specials(**how):
    return [token(t, VOCABULARY.index(t), True, **({"normalized": False} | how)) for t in SPECIAL]


def decoder(*tokens):
    return {str(t["id"]): {name: value for name, value in t.items() if name != "id"} for t in tokens}


def normalizer(lower, accents=None, chinese=True):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": chinese, "strip_accents": accents,
            "lowercase": lower}


def whole(changes):
    """tokenizer.json of the vocabulary, with these fields in the place of its own."""
    piece = lambda name, kind: {"SpecialToken": {"id": name, "type_id": kind}}
    text = lambda name, kind: {"Sequence": {"id": name, "type_id": kind}}
    first = [piece("[CLS]", 0), text("A", 0), piece("[SEP]", 0)]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": specials(), "normalizer": normalizer(True),
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": first, "pair": [*first, text("B", 1), piece("[SEP]", 1)],
            "special_tokens": {t: {"id": t, "ids": [VOCABULARY.index(t)], "tokens": [t]} for t in ["[CLS]", "[SEP]"]},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {t: i for i, t in enumerate(VOCABULARY)}},
    } | changes


def byte_pairs(prefix):
    """tokenizer.json of the byte pairs."""
    vocabulary = json.loads((HERE / "byte_pairs" / "vocab.json").read_text(encoding="utf-8"))
    merges = (HERE / "byte_pairs" / "merges.txt").read_text(encoding="utf-8").split("\n")
    added = [token(t, vocabulary[t], True, False, lstrip=t == "<mask>") for t in ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]]
    ends = {"sep": ["</s>", vocabulary["</s>"]], "cls": ["<s>", vocabulary["<s>"]]}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": sorted(added, key=lambda t: t["id"]),
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True},
        "post_processor": {"type": "RobertaProcessing", **ends, "trim_offsets": True, "add_prefix_space": prefix},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocabulary, "merges": [m for m in merges if m and not m.startswith("#version")]},
    }


def variants():
    """Name, type of the model, and files."""
    out = []

    def put(name, model="bert", tokenizer=None, config=None, added=None, special=None, vocab=False, bpe=False, **more):
        files = {"tokenizer.json": tokenizer, "tokenizer_config.json": config, "added_tokens.json": added,
                 "special_tokens_map.json": special}
        files = {name: content for name, content in files.items() if content is not None}
        files |= {"vocab.txt": True} if vocab else {}
        files |= {"vocab.json": True, "merges.txt": True} if bpe else {}
        out.append({"name": name, "config": {"model_type": model} | more, "files": files})

    for lower in (True, False):
        case, keep = ("lower" if lower else "cased"), {"do_lower_case": lower}
        json_ = {"normalizer": normalizer(lower)}
        put(f"{case} alone", tokenizer=json_)
        put(f"{case} and an empty configuration", tokenizer=json_, config={})
        for said in (True, False):
            put(f"{case} do_lower_case {said}", tokenizer=json_, config={"do_lower_case": said})
            put(f"{case} strip_accents {said}", tokenizer=json_, config=keep | {"strip_accents": said})
            put(f"{case} strip_accents {said} alone", tokenizer=json_, config={"strip_accents": said})
            put(f"{case} vocabulary strip_accents {said}", vocab=True, config=keep | {"strip_accents": said})
            put(f"{case} accents {said} in tokenizer.json", tokenizer={"normalizer": normalizer(lower, said)}, config=keep)
        put(f"{case} both files", tokenizer=json_, vocab=True, config=keep)
        put(f"{case} chinese", tokenizer=json_, config=keep | {"tokenize_chinese_chars": False})
        put(f"{case} chinese in tokenizer.json", tokenizer={"normalizer": normalizer(lower, None, False)}, config=keep)
        put(f"{case} vocabulary chinese", vocab=True, config=keep | {"tokenize_chinese_chars": False})
        put(f"{case} vocabulary", vocab=True, config=keep | {"do_basic_tokenize": False, "never_split": ["Elizabeth"]})
        for model in ("distilbert", "electra"):
            put(f"{case} {model}", model, json_, {"do_lower_case": not lower})
        put(f"{case} of another class", tokenizer=json_, config={"tokenizer_class": "DistilBertTokenizerFast"})
        put(f"{case} of no class", tokenizer=json_,
            config={"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": not lower, "strip_accents": True})
        put(f"{case} of no class by config.json", tokenizer=json_, config={"do_lower_case": not lower},
            tokenizer_class="PreTrainedTokenizerFast")
        put(f"{case} length", tokenizer=json_, config=keep | {"model_max_length": 20})
        words = [token("Elizabeth", N), token("darcy", N + 1), token("of the", N + 2, normalized=False),
                 token("caf\u00e9", N + 3, single_word=True)]
        numbers = {"Elizabeth": N, "darcy": N + 1, "C++": N + 2}
        for name, base in (("tokenizer.json", {"tokenizer": json_}), ("vocabulary", {"vocab": True})):
            put(f"{case} {name} with added tokens", config=keep, added=numbers, **base)
            put(f"{case} {name} with a decoder", config=keep | {"added_tokens_decoder": decoder(*words)}, **base)
            put(f"{case} {name} with a decoder and added tokens", added={"Elizabeth": N + 1},
                config=keep | {"added_tokens_decoder": decoder(token("said", N))}, **base)
            put(f"{case} {name} with numbers that nobody keeps",
                config=keep | {"added_tokens_decoder": decoder(token("said", N + 11), token("Elizabeth", N + 2))}, **base)
            put(f"{case} {name} with special tokens in the decoder", config=keep | {
                "additional_special_tokens": ["darcy"],
                "added_tokens_decoder": decoder(token("darcy", N, True, False), token("of the", N + 1, True, False,
                                                                                        lstrip=True, rstrip=True))}, **base)
            put(f"{case} {name} with a special token of two lists", config=keep | {
                "additional_special_tokens": ["Elizabeth"], "added_tokens_decoder": decoder(token("Elizabeth", N))}, **base)
            put(f"{case} {name} with special tokens", config=keep | {"additional_special_tokens": ["Elizabeth", "Mr"]}, **base)
            put(f"{case} {name} with extra tokens", config=keep | {"extra_special_tokens": {"image": "Elizabeth"}}, **base)
            put(f"{case} {name} with ends", config=keep | {"bos_token": "Elizabeth", "eos_token": "said"}, **base)
            put(f"{case} {name} with a token that has ways", config=keep | {"additional_special_tokens": [
                {"__type": "AddedToken"} | {k: v for k, v in token("Elizabeth", 0, lstrip=True, rstrip=True).items()
                                            if k not in ("id", "special")}]}, **base)
            put(f"{case} {name} with a map", config=keep, special={"additional_special_tokens": ["Elizabeth"]}, **base)
            put(f"{case} {name} with a map and a decoder", special={"additional_special_tokens": ["Elizabeth"]},
                config=keep | {"added_tokens_decoder": decoder(token("said", N))}, **base)
            put(f"{case} {name} with special tokens in a map", config=keep,
                special={name: {"content": t, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}
                         for name, t in zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], SPECIAL)},
                **base)
        put(f"{case} vocabulary with added special tokens", vocab=True, added={"Elizabeth": N},
            config=keep | {"additional_special_tokens": ["Elizabeth"]})
        put(f"{case} with a word of the vocabulary", tokenizer=json_,
            config=keep | {"added_tokens_decoder": decoder(token("the", VOCABULARY.index("the")))})
        put(f"{case} with more tokens in tokenizer.json",
            tokenizer=json_ | {"added_tokens": specials() + words[:2]},
            config=keep | {"added_tokens_decoder": decoder(*specials(), *words[:2])})
        put(f"{case} with a token of another number", tokenizer=json_ | {"added_tokens": specials() + words[:1]},
            config=keep | {"added_tokens_decoder": decoder(token("Elizabeth", N + 3))})
        put(f"{case} without added tokens", tokenizer=json_ | {"added_tokens": []}, config=keep)
        put(f"{case} without added tokens but in the decoder", tokenizer=json_ | {"added_tokens": []},
            config=keep | {"added_tokens_decoder": decoder(*specials(normalized=True))})
    for said in ({}, {"add_prefix_space": False}, {"add_prefix_space": True}):
        put(f"byte pairs {said}", "roberta", bpe=True, config=said)
        put(f"byte pairs {said} without a space in tokenizer.json", "roberta", {"byte_pairs": False}, said)
        put(f"byte pairs {said} with a space in tokenizer.json", "roberta", {"byte_pairs": True}, said)
    put("byte pairs alone", "roberta", bpe=True)
    put("byte pairs alone with a space in tokenizer.json", "roberta", {"byte_pairs": True})
    put("byte pairs of no class", "roberta", {"byte_pairs": True},
        {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": True})
    size = len(json.loads((HERE / "byte_pairs" / "vocab.json").read_text(encoding="utf-8")))
    put("byte pairs with added tokens", "roberta", bpe=True, added={"Elizabeth": size, "said": size + 1})
    put("byte pairs with a decoder", "roberta", {"byte_pairs": False},
        {"added_tokens_decoder": decoder(token("Elizabeth", size), token("of the", size + 1, normalized=False, lstrip=True))})
    return out


def write(variant, folder):
    (folder / "config.json").write_text(json.dumps(variant["config"]))
    for name, content in variant["files"].items():
        if name == "vocab.txt":
            (folder / name).write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        elif content is True:
            (folder / name).write_bytes((HERE / "byte_pairs" / name).read_bytes())
        elif name == "tokenizer.json":
            content = byte_pairs(content["byte_pairs"]) if "byte_pairs" in content else whole(content)
            (folder / name).write_text(json.dumps(content))
        else:
            (folder / name).write_text(json.dumps(content))


def ids(variant):
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        write(variant, Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    # As lists: given one empty second text by itself, the Fast tokenizer takes it for no text.
    one = lambda a, b: tokenizer([a], None if b is None else [b], truncation="longest_first", max_length=LENGTH)
    rows = [one(a, b)["input_ids"][0] for a, b in ROWS]
    digest = hashlib.sha256(b"".join(struct.pack(f"<{len(row) + 1}i", len(row), *row) for row in rows))
    return {"sha256": digest.hexdigest(), "rows": {str(row): rows[row] for row in SHOWN}}


def main():
    made, outcomes = [], {}
    for variant in variants():
        found = ids(variant)
        outcomes[found["sha256"]] = found["rows"]
        made.append(variant | {"sha256": found["sha256"]})
    if sys.argv[1:] == ["check"]:
        known = json.loads(OUT.read_text())["variants"]
        different = [one["name"] for one, other in zip(made, known, strict=True) if one != other]
        print(len(made), "variants,", len(different), "differ", *different)
        return
    lines = ",\n".join(json.dumps(one) for one in made)
    OUT.write_text(f'{{"variants": [\n{lines}\n],\n"outcomes": {json.dumps(outcomes)}}}\n')
    print(len(made), "variants with", len(outcomes), "different outcomes,", OUT.stat().st_size, "bytes")

main()
