#!/usr/bin/env python3
"""The program against PyTorch on this machine: the same work, the two in turn, as ratios.

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch transformers
    /tmp/torch/bin/python benches/compare.py --program target/release/pipeline --model FOLDER --data FILE.tsv

FOLDER holds a BERT with its config.json, weights and tokenizer as transformers reads them; FILE.tsv has a line of
names, then a pair of texts a line: id, first text, second text, label. --cores 0 (a list as of taskset) leaves both
programs those processors alone.

    train        fine-tuning: forward, backward, AdamW, dropout; batches of 32, padded to the longest row
    evaluate     forward passes, sorted by length
    interpolate  lines of ten points between pairs of models, end points included
    published    the same in PyTorch as the published script does it: every row padded to --max-length, 512 a batch,
                 both end points again for every pair

Ours is the whole command as a user runs it, from the start of the process to the results on the disk: reading and
digesting the models, tokenising, writing. PyTorch's is the inner loop alone. Each line is a job's median over the
passes, and the ratio of the rates of each pass, as least, median and largest; after the slash the median of the same
by processor seconds instead of those on the clock, which says more where a machine does other things too. Then page
faults and memory of ours.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

STUDY = """
[experiment]
name = "compare"
[fetch.start]
model = "path:{model}"
[fetch.pairs]
dataset = "path:{data}"
text = ["sentence1", "sentence2"]
label = "label"
labels = ["0", "1"]
[finetune.few]
model = "start"
data = "pairs.train"
seeds = "0..{models}"
recipe = "adamw"
epochs = 1
batch_size = 32
max_length = {max_length}
[eval.few]
models = "few"
data = "pairs.train"
[interpolate.few]
models = "few"
data = "pairs.train"
points = 10
examples = {examples}
"""


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True, type=Path)
    p.add_argument("--other", type=Path, help="another build of the program, compared too")
    p.add_argument("--model", required=True, type=Path)
    p.add_argument("--data", required=True, type=Path)
    p.add_argument("--examples", type=int, default=256)
    p.add_argument("--models", type=int, default=4)
    p.add_argument("--max-length", type=int, default=128)
    p.add_argument("--passes", type=int, default=3)
    p.add_argument("--cores", help="a list of processors for both, as of taskset")
    p.add_argument("--options", default="", help="more options of `pipeline run`, such as --jobs=1")
    p.add_argument("--without-torch", action="store_true")
    return p.parse_args()


class Ours:
    """A build of the program; each pass has a cache of its own."""

    def __init__(self, a, program, folder):
        self.program, self.options, self.folder, self.pass_ = program.resolve(), a.options.split(), folder, 0
        self.rows = {"train": a.models * a.examples, "evaluate": a.models * a.examples,
                     "interpolate": a.models * (a.models - 1) // 2 * 10 * a.examples}
        self.used = {}

    def begin(self):
        self.pass_ += 1
        self.cache = self.folder / f"cache-{self.program.name}-{self.pass_}"
        shutil.rmtree(self.cache, ignore_errors=True)
        self.run("--until", "fetch")

    def run(self, *what):
        command = [self.program, "run", "study.toml", "--backend", "cpu", "--cache-dir", self.cache, *self.options, *what]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        clock = time.perf_counter()
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        seconds = time.perf_counter() - clock
        assert ended.returncode == 0, ended.stderr
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, processor, after.ru_minflt - before.ru_minflt, after.ru_maxrss // 1024

    def rate(self, job):
        stage = {"train": "finetune", "evaluate": "eval", "interpolate": "interpolate"}[job]
        seconds, processor, faults, memory = self.run("--only", stage)
        self.used.setdefault(job, []).append((faults / self.rows[job], memory))
        return self.rows[job] / seconds, self.rows[job] / processor


class Torch:
    def __init__(self, a, threads):
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        self.torch, self.a = torch, a
        torch.set_num_threads(threads)
        lines = [line.rstrip("\n").split("\t") for line in open(a.data, encoding="utf-8")][1:a.examples + 1]
        self.labels = [int(line[3]) for line in lines]
        tokenizer = AutoTokenizer.from_pretrained(a.model)
        self.tokenizer = tokenizer
        self.encoded = [tokenizer(line[1], line[2], truncation=True, max_length=a.max_length) for line in lines]
        self.model = AutoModelForSequenceClassification.from_pretrained(a.model, num_labels=2, dtype=torch.float32)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-5, weight_decay=0.01)

    def batches(self, size, by_length, padding):
        order = list(range(len(self.encoded)))
        if by_length:
            order.sort(key=lambda row: len(self.encoded[row]["input_ids"]))
        for first in range(0, len(order), size):
            rows = order[first:first + size]
            batch = self.tokenizer.pad([self.encoded[row] for row in rows], padding=padding,
                                       max_length=self.a.max_length, return_tensors="pt")
            yield batch, self.torch.tensor([self.labels[row] for row in rows])

    def loss(self, batch):
        x, y = batch
        return self.torch.nn.functional.cross_entropy(self.model(**x).logits, y, reduction="sum")

    def rate(self, job):
        torch = self.torch
        padding = "max_length" if job == "published" else "longest"
        size = {"train": 32, "published": 512}.get(job, 64)
        batches = list(self.batches(size, job in ("evaluate", "interpolate"), padding))
        rows = len(self.encoded)
        clock, processor = time.perf_counter(), time.process_time()
        if job == "train":
            self.model.train()
            for batch in batches:
                (self.loss(batch) / len(batch[1])).backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
        else:
            self.model.eval()
            points = 1 if job == "evaluate" else 10
            rows *= points
            ends = {k: v.clone() for k, v in self.model.state_dict().items()}
            with torch.inference_mode():
                for point in range(points):
                    if points > 1:
                        t = point / (points - 1)
                        self.model.load_state_dict(
                            {k: (1 - t) * v + t * ends[k] if v.is_floating_point() else v for k, v in ends.items()})
                    for batch in batches:
                        self.loss(batch).item()
        return rows / (time.perf_counter() - clock), rows / (time.process_time() - processor)


def main():
    a = arguments()
    if a.cores:
        ranges = [part.split("-") for part in a.cores.split(",")]
        os.sched_setaffinity(0, {core for part in ranges for core in range(int(part[0]), int(part[-1]) + 1)})
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "data").mkdir()
        with open(a.data, encoding="utf-8") as lines, open(folder / "data" / "train.tsv", "w", encoding="utf-8") as out:
            for _, line in zip(range(a.examples + 1), lines):
                out.write(line)
        study = STUDY.format(model=a.model.resolve(), data=folder / "data", models=a.models, examples=a.examples,
                             max_length=a.max_length)
        (folder / "study.toml").write_text(study)
        programs = {"ours": Ours(a, a.program, folder)}
        if a.other:
            programs["other"] = Ours(a, a.other, folder)
        if not a.without_torch:
            programs["torch"] = Torch(a, threads)
        jobs = ["train", "evaluate", "interpolate"] + ([] if a.without_torch else ["published"])
        rates = {job: {name: [] for name in programs} for job in jobs}
        for number in range(a.passes):
            for program in programs.values():
                if isinstance(program, Ours):
                    program.begin()
            for job in jobs:
                for name, program in programs.items():
                    if job == "published" and name != "torch":
                        rates[job][name].append(rates["interpolate"][name][number])
                        continue
                    rates[job][name].append(program.rate(job))
        print(f"{threads} cores, {a.examples} rows, {a.models} models, {a.passes} passes; sequences a second")
        for job, of in rates.items():
            medians = {name: round(statistics.median(rate for rate, _ in values), 1) for name, values in of.items()}
            line = f"{job:<12} " + "  ".join(f"{name} {median:8.1f}" for name, median in medians.items())
            for name in [name for name in of if name != "ours"]:
                clock, processor = (sorted(ours[by] / other[by] for ours, other in zip(of["ours"], of[name])) for by in (0, 1))
                line += f"  ours/{name} {clock[0]:.2f} {statistics.median(clock):.2f} {clock[-1]:.2f}"
                line += f" / {statistics.median(processor):.2f}"
            print(line)
        for name, program in programs.items():
            if isinstance(program, Ours):
                used = {job: [round(statistics.median(x)) for x in zip(*values)] for job, values in program.used.items()}
                print(f"{name}: page faults a sequence, largest MiB so far of a process: {json.dumps(used)}")


main()
