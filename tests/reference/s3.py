"""Writes tests/reference/s3.json: requests to S3 and to the token service, and how botocore signs them.

    pip install botocore
    python s3.py

Made with botocore 1.44.8. Paths and queries are given as they are meant, not as they are quoted. Read by
src/data/s3/tests.rs.
"""

import datetime
import hashlib
import json
from pathlib import Path
from unittest import mock

import botocore
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib.parse import quote

HERE = Path(__file__).parent
ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEXAMPLE//////////wEaDK+token=="
TIMES = [1369353600, 1795614042, 951782400, 1735689599, 4107542400]
CASES = [
    ("GET", "bucket.s3.amazonaws.com", "/", {"list-type": "2", "prefix": "qqp/v1/objects/0", "max-keys": "1"}, {}, ""),
    ("GET", "127.0.0.1:9000", "/lab-cache", {"list-type": "2", "prefix": "a b/ü&=+~'()*!", "continuation-token": "1/x+y=="}, {}, ""),
    ("HEAD", "minio.example:9000", "/lab-cache/qqp/v1/objects/ab/ab12", {}, {}, ""),
    ("GET", "lab.s3.eu-west-1.amazonaws.com", "/qqp/v1/steps/ab/ab.json", {}, {"range": "bytes=10-"}, ""),
    ("PUT", "lab.s3.eu-west-1.amazonaws.com", "/a b/ü'(1)*!.json", {}, {"if-none-match": "*"}, "{\"a\": 1}"),
    ("PUT", "lab.s3.eu-west-1.amazonaws.com", "/x", {"partNumber": "2", "uploadId": "a/b+c="}, {}, "part"),
    ("POST", "localhost", "/lab/x", {"uploads": ""}, {}, ""),
    ("POST", "localhost", "/lab/x", {"uploadId": "1.2~3"}, {"if-none-match": "*"}, "<CompleteMultipartUpload/>"),
    ("DELETE", "localhost:1", "/lab/v1/objects/00/00", {}, {}, ""),
]


def main():
    cases = []
    for number, (method, host, path, query, headers, body) in enumerate(CASES):
        for token in [None, TOKEN]:
            region, time = ["us-east-1", "eu-central-1", "cn-north-1"][number % 3], TIMES[number % len(TIMES)]
            # Unreserved as S3 reads it: RFC 3986.
            plain = lambda text, safe="": quote(text, safe=safe + "-_.~")
            url = f"http://{host}{plain(path, '/')}"
            if query:
                url += "?" + "&".join(f"{name}={plain(value)}" for name, value in sorted(query.items()))
            request = AWSRequest(method=method, url=url, data=body.encode(), headers=dict(headers))
            # Over plain http the digest of the body is signed, as we do it everywhere.
            signer = auth.S3SigV4Auth(Credentials(ID, SECRET, token), "s3", region)
            moment = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
            with mock.patch.object(auth, "get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None)):
                signer.add_auth(request)
            digest = request.headers["X-Amz-Content-SHA256"]
            assert digest == hashlib.sha256(body.encode()).hexdigest(), digest
            cases.append({
                "method": method, "host": host, "path": path, "query": query, "headers": headers, "body": body,
                "id": ID, "secret": SECRET, "token": token, "region": region, "service": "s3", "time": time,
                "authorization": request.headers["Authorization"],
            })
    text = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (HERE / "s3.json").write_text(f"[\n{text}\n]\n")
    print(f"botocore {botocore.__version__}: {len(cases)} requests")


if __name__ == "__main__":
    main()
