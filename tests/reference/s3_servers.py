"""Runs the program against a server of S3 that somebody else wrote, as a second opinion beside the bucket of the tests:
moto's, which checks every signature with botocore, or any other at an address.

    pip install 'moto[server]' boto3
    python s3_servers.py target/release/pipeline
    python s3_servers.py target/release/pipeline http://127.0.0.1:8014 KEY SECRET

Last run with boto3 1.44.8, moto 5.2.5. Writes nothing but in a temporary folder, and prints what it
found: steps, objects, and bytes a second beside those of a copy on the same disk.
"""

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

BUCKET = "lab-cache"
STUDY = """
[experiment]
name = "far"

[fetch.sentences]
dataset = "builtin:agents"
splits.train = { examples = 16, passive = 0.5 }

# Some 200 MB: it goes in parts.
[pretrain.large]
data = "sentences.train"
layers = 4
hidden = 1024
heads = 4
max_length = 24
steps = 1
batch_size = 2
learning_rate = 1e-3

[pretrain.small]
data = "sentences.train"
layers = 1
hidden = 16
heads = 2
max_length = 24
steps = 3
batch_size = 4
learning_rate = 1e-3

[finetune.agents]
model = "small"
data = "sentences.train"
seeds = "0..20"
epochs = 1
batch_size = 16
max_length = 24

[eval.again]
models = "agents"
data = "sentences.train"
"""


def moto():
    # The first requests need no rights: they make the bucket and somebody who has some.
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"
    first = dict(endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    boto3.client("s3", **first).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", **first)
    iam.create_user(UserName="me")
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    iam.put_user_policy(UserName="me", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="me")["AccessKey"]
    return endpoint, key["AccessKeyId"], key["SecretAccessKey"]


def main():
    program = str(Path(sys.argv[1]).resolve())
    endpoint, key, secret = sys.argv[2:5] if len(sys.argv) > 2 else moto()
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key,
                          aws_secret_access_key=secret)
    if len(sys.argv) > 2 and BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    folder = Path(tempfile.mkdtemp())
    (folder / "study.toml").write_text(STUDY)
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                   "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder)}
    place = f"s3://{BUCKET}/trial {time.time_ns()}/a"

    def pipeline(*arguments, code=0, **variables):
        done = subprocess.run([program, *arguments], cwd=folder, env={**environment, **variables}, text=True,
                              capture_output=True)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert secret not in done.stdout + done.stderr and key not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def names(prefix="v1/"):
        start = place.removeprefix(f"s3://{BUCKET}/") + "/"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=start + prefix)
        return {entry["Key"].removeprefix(start): entry["Size"] for page in pages for entry in page.get("Contents", [])}

    pipeline("run", "study.toml", "--backend", "cpu", "--jobs", "2")
    objects = sorted(path for path in (folder / "cache/v1/objects").glob("*/*"))
    size = sum(path.stat().st_size for path in objects)
    since = time.monotonic()
    shutil.copytree(folder / "cache", folder / "copy")
    subprocess.run(["sync", "-f", str(folder)], check=True)
    copied = size / (time.monotonic() - since) / 1e6

    # Pushed twice, once at the same time by two, and once after something was lost.
    pushes = [subprocess.Popen([program, "cache", "push", "study.toml", "--to", place], cwd=folder, env=environment,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    both = [push.communicate()[0] for push in pushes]
    assert all(push.returncode == 0 for push in pushes), both
    sent = [int(re.search(r"(\d+) steps sent", text)[1]) for text in both]
    there = names()
    steps = sum(name.startswith("v1/steps/") for name in there)
    assert sum(sent) == steps == 43, (both, steps)
    assert len(there) - steps == len(objects)
    alone = f"{place}/alone"
    push = pipeline("cache", "push", "study.toml", "--to", alone)
    assert "43 steps sent, 0 were there already" in push, push
    assert "0 steps sent, 43 were there already" in pipeline("cache", "push", "study.toml", "--to", place)
    lost = next(name for name in there if name.startswith("v1/objects/"))
    start = place.removeprefix(f"s3://{BUCKET}/")
    client.delete_object(Bucket=BUCKET, Key=f"{start}/{lost}")
    assert "it is missing" in pipeline("cache", "pull", "study.toml", "--from", place, "--cache-dir", "lacks", code=1)
    assert "lacked something" in pipeline("cache", "push", "study.toml", "--to", place)

    pull = pipeline("cache", "pull", "study.toml", "--from", place, "--cache-dir", "other")
    assert "43 steps came, 0 were here already" in pull, pull
    assert all(filecmp.cmp(path, folder / "other/v1" / path.relative_to(folder / "cache/v1"), False) for path in objects)
    pipeline("cache", "verify", "--cache-dir", "other")
    assert "nothing to do" in pipeline("run", "study.toml", "--backend", "cpu", "--cache-dir", "other", "--no-remote")
    # As a file of Amazon's tools brings it.
    for name in names():
        path = folder / "synced" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(BUCKET, f"{start}/{name}", str(path))
    assert "nothing to do" in pipeline("run", "study.toml", "--backend", "cpu", "--cache-dir", "synced")

    # Written through, then read through.
    through = f"{place}/through"
    pipeline("run", "study.toml", "--backend", "cpu", "--cache-dir", "new", "--remote", through, "--push", "--until",
             "finetune.agents")
    read = pipeline("run", "study.toml", "--backend", "cpu", "--cache-dir", "newer", "--remote", through, "--until",
                    "finetune.agents")
    assert "22 steps came" in read and "far: 0 ran, 22 fresh" in read, read

    wrong = pipeline("cache", "pull", "study.toml", "--from", place, "--cache-dir", "no", code=1,
                     AWS_SECRET_ACCESS_KEY="wrong")
    assert " 403 SignatureDoesNotMatch" in wrong, wrong

    (folder / "other.toml").write_text(STUDY.replace("0..20", "0..5"))
    looked = pipeline("cache", "gc", "other.toml", "--remote", place, "--dry-run")
    assert names().keys() == there.keys()
    # What was put just now is too young to be removed; steps are not.
    swept = pipeline("cache", "gc", "other.toml", "--remote", place)
    left = names()
    assert sum(name.startswith("v1/steps/") for name in left) == 13, (looked, swept)
    rate = [re.search(r"\(([\d.]+ .?B) a second", text)[1] for text in (push, pull)]
    print(f"{steps} steps, {len(objects)} objects, {size / 1e6:.0f} MB: sent at {rate[0]}/s, brought at {rate[1]}/s, "
          f"copied and synced at {copied:.0f} MB/s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
