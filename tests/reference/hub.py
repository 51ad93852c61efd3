"""Checks the hub cache, uploads and exports against Hugging Face's own tools, by a small hub on this machine.

Run with: python tests/reference/hub.py target/release/pipeline
(needs huggingface_hub, transformers, tokenizers, torch, pyarrow; last run with 2.4.0, 5.23.0, 0.23.3, 2.15.0, 26.0.1)
Nothing is read or written outside a temporary folder. The Rust tests never run this script.

1. What `pipeline` downloads loads offline in transformers and huggingface_hub, also by the name of a training step.
2. What huggingface_hub downloads serves `pipeline` offline, and gives the same steps.
3. A folder from `pipeline export` loads in transformers: equal token ids and logits.
4. `pipeline export --to hf:` asks the hub for the same things as huggingface_hub's upload_folder, with one difference:
   a private repository is `"private": true`, as in huggingface_hub 1, and not `"visibility": "private"`, as in 2.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "1111111111111111111111111111111111111111"
REPO = "me/tiny"
TOKEN = "hf_planted_secret"

STUDY = """
[experiment]
name = "hub"
[fetch.start]
model = "hf:me/tiny"
[fetch.pairs]
dataset = "path:pairs.tsv"
text = ["a", "b"]
label = "label"
labels = ["no", "yes"]
[finetune.tiny]
model = "start"
data = "pairs.pairs"
seeds = "0..2"
epochs = 1
batch_size = 8
learning_rate = 1e-2
max_length = 32
checkpoints = [2, "last"]
[eval.tiny]
models = ["tiny", "tiny@2"]
data = "pairs.pairs"
"""


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """One repository, its large files on another port, and a log of what was asked."""

    def __init__(self, files):
        self.files = files
        self.uploaded = {}
        self.log = []
        self.cdn = serve(Cdn, self)
        self.api = serve(Api, self)

    def large(self, name):
        return name.endswith(".safetensors")


def serve(handler, hub):
    server = ThreadingHTTPServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        span = self.headers.get("Range")
        if span and status == 200:
            start = int(span.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            status, body = 206, body[start:]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class Cdn(Handler):
    def do_GET(self):
        assert "Authorization" not in self.headers, "the token came to another host"
        self.answer(200, self.hub.files[unquote(urlsplit(self.path).path[1:])], ETag='"cdn"')

    def do_PUT(self):
        assert "Authorization" not in self.headers, "the token came to another host"
        self.hub.uploaded[urlsplit(self.path).path] = self.body()
        self.hub.log.append(("PUT", "CDN", None))
        self.answer(200, ETag='"part"')


class Api(Handler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, url = self.hub, urlsplit(self.path)
        path, files = unquote(url.path), self.hub.files
        if path.startswith(f"/{REPO}/resolve/"):
            name = path.split("/", 5)[5]
            if name not in files:
                return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
            data = files[name]
            if hub.large(name):
                return self.answer(
                    302, X_Repo_Commit=COMMIT, X_Linked_Size=str(len(data)),
                    X_Linked_ETag=f'"{hashlib.sha256(data).hexdigest()}"', Location=f"{hub.cdn}/{name}?signature=x")
            return self.answer(200, data, X_Repo_Commit=COMMIT, ETag=f'"{git_blob(data)}"')
        if path.startswith(f"/api/models/{REPO}/tree/"):
            def entry(name, data):
                lfs = {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}}
                own = {"type": "file", "path": name, "size": len(data), "oid": git_blob(data)}
                return own | (lfs if hub.large(name) else {})
            return self.answer(200, [entry(name, data) for name, data in files.items()])
        if path.startswith(f"/api/models/{REPO}/commits/"):
            def commit(id, title):
                return {"id": id, "title": title, "message": "", "date": "2022-01-01T00:00:00.000Z", "authors": []}
            if url.query == "p=1":
                return self.answer(200, [commit(COMMIT, "step 15000"), commit(OLDER, "start")])
            link = f'<{hub.api}{url.path}?p=1>; rel="next"'
            return self.answer(200, [commit(OLDER, "step 150000")], Link=link)
        if path == f"/api/models/{REPO}" or path.startswith(f"/api/models/{REPO}/revision/"):
            siblings = [{"rfilename": name} for name in files]
            return self.answer(200, {"id": REPO, "modelId": REPO, "sha": COMMIT, "siblings": siblings, "tags": []})
        self.answer(404, {"error": "not found"}, X_Error_Code="RepoNotFound")

    def do_POST(self):
        hub, path, body = self.hub, unquote(urlsplit(self.path).path), self.body()
        lines = [json.loads(line) for line in body.splitlines() if line] if "commit/" in path else json.loads(body)
        if path != "/api/validate-yaml":
            hub.log.append(("POST", path, lines))
        if path == "/api/repos/create":
            name = f"{lines['organization']}/{lines['name']}"
            return self.answer(200, {"url": f"{hub.api}/{name}", "name": name, "id": "0"})
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in path:
            modes = [
                {"path": file["path"], "uploadMode": "lfs" if hub.large(file["path"]) else "regular",
                 "shouldIgnore": False, "oid": None}
                for file in lines["files"]
            ]
            return self.answer(200, {"files": modes})
        if path.endswith("/info/lfs/objects/batch"):
            def known(it):
                actions = {"upload": {"href": f"{hub.cdn}/put/{it['oid']}"}, "verify": {"href": f"{hub.api}/verify"}}
                return {"oid": it["oid"], "size": it["size"], "actions": actions}
            return self.answer(200, {"transfer": "basic", "objects": [known(it) for it in lines["objects"]]})
        if path == "/verify" or "/branch/" in path:
            return self.answer(200, {})
        if "/commit/" in path:
            return self.answer(200, {"commitUrl": f"{hub.api}/me/copy/commit/{COMMIT}", "commitOid": COMMIT,
                                     "success": True, "pullRequestUrl": None})
        self.answer(404, {"error": "not found"})


def tiny_model(folder):
    """A random BERT with a WordPiece tokenizer, as transformers writes them."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = "the a cat dog bird saw chased ##s ##ed ran tree old young Äpfel äpfel apfel 中 . , ! ?".split()
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for prefix in ("", "##")]
    vocabulary = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words + letters))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab={token: id for id, token in enumerate(vocabulary)}, do_lower_case=True)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=64, max_position_embeddings=64, initializer_range=0.3,
                        id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    BertForSequenceClassification(config).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows():
    subjects, verbs = ["The cat", "a DOG", "Old  birds", "中 trees", "Äpfel!", "unknown-zebra99"], ["saw", "chased", "ran,"]
    return [(f"{s} {v} the tree.", f"{v} {s}?" * (1 + i % 7), ["no", "yes"][i % 2])
            for i, (s, v) in enumerate((s, v) for s in subjects for v in verbs)]


def run(binary, folder, *arguments, check=True, **env):
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "PIPELINE"))}
    ended = subprocess.run([binary, *arguments], cwd=folder, env=keep | env, capture_output=True, text=True)
    assert not check or ended.returncode == 0, ended.stdout + ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr
    return ended


def python(code, **env):
    return run(sys.executable, ".", "-c", code, **env).stdout


def manifests(cache, kind):
    found = [json.loads(path.read_text()) for path in sorted((cache / "v1/steps").glob("*/*.json"))]
    return [manifest for manifest in found if manifest["kind"] == kind]


def main():
    binary = str(Path(sys.argv[1]).resolve())
    work = Path(tempfile.mkdtemp())
    (work / "model").mkdir()
    hub = Hub(tiny_model(work / "model"))
    lines = ["a\tb\tlabel"] + ["\t".join(row) for row in rows()]
    for study in ["ours", "theirs"]:
        (work / study).mkdir()
        (work / study / "pairs.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (work / study / "study.toml").write_text(STUDY)
    offline = {"HF_HUB_OFFLINE": "1"}

    # 1
    home = {"HF_HOME": str(work / "home-ours")}
    run(binary, work / "ours", "run", "study.toml", "--backend", "cpu", HF_ENDPOINT=hub.api, HF_TOKEN=TOKEN, **home)
    cached = work / "home-ours/hub/models--me--tiny"
    # As a stage with `step = 15000` leaves it.
    (cached / "refs/main~step-15000").write_text(COMMIT)
    print(python(f"""
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
from transformers import AutoModelForSequenceClassification, AutoTokenizer
for revision in ["main", "main~step-15000", "{COMMIT}"]:
    AutoModelForSequenceClassification.from_pretrained("{REPO}", revision=revision)
    print(revision, AutoTokenizer.from_pretrained("{REPO}", revision=revision)("The cat ran").input_ids)
print(snapshot_download("{REPO}", local_files_only=True).endswith("{COMMIT}"))
print(hf_hub_download("{REPO}", "model.safetensors", local_files_only=True).endswith("model.safetensors"))
info = scan_cache_dir()
print("warnings", info.warnings, "refs", sorted(next(iter(info.repos)).refs))
""", **home, **offline))
    files = sorted(path.relative_to(cached).as_posix() for path in cached.rglob("*") if not path.is_dir())
    print("pipeline fetched:", *files, sep="\n  ")

    # 2
    home = {"HF_HOME": str(work / "home-theirs")}
    python(f"""
from huggingface_hub import snapshot_download
snapshot_download("{REPO}")
""", HF_ENDPOINT=hub.api, HF_HUB_DISABLE_XET="1", **home)
    run(binary, work / "theirs", "run", "study.toml", "--backend", "cpu", "--until", "finetune", **home, **offline)
    for kind in ["fetch-model", "finetune"]:
        ours, theirs = (
            [(it["key"], {name: output["digest"] for name, output in it["outputs"].items()})
             for it in manifests(work / study / "cache", kind)] for study in ("ours", "theirs"))
        assert ours == theirs, kind
        print(f"{kind}: {len(ours)} steps from huggingface_hub's cache are identical")

    # 3
    import pyarrow.parquet
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertTokenizer

    texts = [list(part) for part in zip(*rows())]
    largest = 0.0
    # An evaluation's step is named after its model, `0@2` for example.
    for step in ["finetune.tiny[seed=0]", "finetune.tiny[seed=1]@2", "fetch.start", "finetune.tiny[seed=1]"]:
        folder = work / "export" / step
        run(binary, work / "ours", "export", "study.toml", step, "--to", str(folder))
        tokenizer, model = (it.from_pretrained(folder) for it in (AutoTokenizer, AutoModelForSequenceClassification))
        own = Tokenizer.from_file(str(folder / "tokenizer.json"))
        own.enable_truncation(32)
        ids = tokenizer(*texts[:2], truncation=True, max_length=32)["input_ids"]
        assert ids == [it.ids for it in own.encode_batch(list(zip(*texts[:2])))], step
        original = AutoTokenizer.from_pretrained(work / "model")
        assert ids == original(*texts[:2], truncation=True, max_length=32)["input_ids"], step
        words = BertTokenizer(vocab=str(folder / "vocab.txt"))
        assert ids == words(*texts[:2], truncation=True, max_length=32)["input_ids"], step
        assert model.config.id2label == {0: "no", 1: "yes"}, model.config.id2label
        if step.startswith("fetch"):
            continue
        batch = tokenizer(*texts[:2], truncation=True, max_length=32, padding=True, return_tensors="pt")
        with torch.no_grad():
            logits = model(**batch).logits
        label = step.split("seed=")[1].replace("]", "")
        it, = [it for it in manifests(work / "ours/cache", "eval") if it["step"] == f"eval.tiny[{label}]"]
        digest = it["outputs"]["examples"]["digest"]
        table = pyarrow.parquet.read_table(work / "ours/cache/v1/objects" / digest[:2] / digest)
        expected = torch.tensor([table[f"logit_{name}"].to_pylist() for name in ("no", "yes")]).T
        largest = max(largest, (logits - expected).abs().max().item())
        print(f"{step}: {type(tokenizer).__name__}, {type(model).__name__}, ids equal, logits up to "
              f"{expected.abs().max():.3f}, largest difference {(logits - expected).abs().max():.2e}")
    assert largest < 1e-4, largest

    # 4
    folder, logs = work / "export/finetune.tiny[seed=0]", []
    hub.log.clear()
    run(binary, work / "ours", "export", "study.toml", "finetune.tiny[seed=0]", "--to", "hf:me/copy", "--private",
        HF_ENDPOINT=hub.api, HF_TOKEN=TOKEN, HF_HOME=str(work / "home-ours"))
    logs.append(list(hub.log))
    hub.log.clear()
    python(f"""
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("me/copy", private=True)
api.upload_folder(repo_id="me/copy", folder_path={str(folder)!r}, commit_message="Weights after the last training step")
""", HF_ENDPOINT=hub.api, HF_TOKEN=TOKEN, HF_HOME=str(work / "home-theirs"), HF_HUB_DISABLE_XET="1")
    logs.append(list(hub.log))

    def normal(value):
        """Lists in one order, for both send files in their own."""
        if isinstance(value, list):
            return sorted((normal(it) for it in value), key=json.dumps)
        return {name: normal(it) for name, it in value.items()} if isinstance(value, dict) else value

    ours, theirs = logs[0][0][2], logs[1][0][2]
    assert ours.pop("private") is True and ours.pop("type") == "model" and theirs.pop("visibility") == "private"
    for ours, theirs in zip(*logs, strict=True):
        assert ours[:2] == theirs[:2] and normal(ours[2]) == normal(theirs[2]), f"{ours}\n{theirs}"[:1500]
        print(*ours[:2], "same")
    for path in work.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


if __name__ == "__main__":
    main()
