"""Writes tests/reference/byte_pairs/: a small byte-level BPE vocabulary and the ids that RoBERTa's tokenizer gives with it.

Run with: python tests/reference/byte_pairs.py   (needs transformers and tokenizers)
Made with transformers 5.23. The Rust tests read the files; they never run this script.
"""

import json
import random
import tempfile
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaTokenizerFast

OUT = Path(__file__).parent / "byte_pairs"
WORDS = """the a cat dog sees sleeping judge judges Washington 1999 3.14 don't we'll they've I'm he'd it's isn't naïve
café Zürich straße Ελλάδα Москва привет 東京 你好 こんにちは 안녕 مرحبا שלום हिन्दी 🙂 👩‍👩‍👧 🇩🇪 e\u0301 ﬁne ½ ² x²+y² C++ #hash @user
http://example.org/a?b=c&d=e foo_bar snake_case CamelCase ALLCAPS … — “quoted” ‘single’ $5.00 100% (brackets) [CLS] [SEP]
<s> </s> <pad> <unk> <mask> <mask>x x<mask> <s>x""".split()
SPACES = [" ", " ", " ", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "", "   \n "]
ODD = ["", " ", "   ", "\n", "a", " a", "a ", "\u0000", "a\u0000b", "\u200d", "\ud7ff", "\U0010ffff", "'s", "'S 's't", "ab" * 60,
       "!!!???...", "a\u0300\u0301\u0302", "\x7f\x80\x9f", "1234567890 12 345", "Ġthe", "<mask> <mask>", " <s> </s> "]


def texts():
    r = random.Random(3)
    made = ["".join(r.choice(WORDS) + r.choice(SPACES) for _ in range(r.randint(1, 14))) for _ in range(170)]
    points = [chr(r.choice([r.randrange(0x20, 0x2000), r.randrange(0x2000, 0xD800), r.randrange(0xE000, 0x20000)])) for _ in range(300)]
    noise = ["".join(r.choice(points) for _ in range(r.randint(1, 12))) for _ in range(60)]
    return ODD + made + noise


def main():
    OUT.mkdir(exist_ok=True)
    trained = ByteLevelBPETokenizer()
    corpus = texts() + ["the cat sees the sleeping dog and the judges see the cat"] * 20
    trained.train_from_iterator(corpus, vocab_size=420, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    trained.save_model(str(OUT))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("vocab.json", "merges.txt"):
            (Path(folder) / name).write_bytes((OUT / name).read_bytes())
        (Path(folder) / "config.json").write_text('{"model_type": "roberta"}')
        tokenizer = RobertaTokenizerFast.from_pretrained(folder)
    rows = []
    every = texts()
    for i, text in enumerate(every):
        pair = every[(i * 7 + 3) % len(every)] if i % 2 else None
        length = [512, 16, 9][i % 3]
        ids = tokenizer(text, pair, truncation="longest_first", max_length=length)["input_ids"]
        rows.append([text, pair, length, ids])
    assert max(len(row[3]) for row in rows) > 100
    (OUT / "expected.json").write_text(json.dumps(rows) + "\n")


main()
