"""What the parts of the suite share: who is who, and how a refusal is expected."""

import contextlib
import json
import os
import random
import tempfile
from pathlib import Path

from huggingface_hub import HfApi

TOLD = json.loads(os.environ["SUITE"])
NAMESPACE, RUN = TOLD["namespace"], TOLD["run"]
REPO = f"{NAMESPACE}/suite-{RUN}"
CARD = (
    "---\nlicense: mit\npipeline_tag: object-detection\ntags: [suite]\n---\n# Suite\n"
)
CHECKS = []

api = HfApi()
stranger = HfApi(token=TOLD["stranger"])
reader = HfApi(token=TOLD["read"])
colleague = HfApi(token=TOLD["colleague"])
folder = Path(tempfile.mkdtemp())


def check(function):
    CHECKS.append(function)
    return function


@contextlib.contextmanager
def refused(kind, status=None, *, says=""):
    try:
        yield
    except kind as exc:
        found = getattr(getattr(exc, "response", None), "status_code", None)
        said = str(exc)
    else:
        raise AssertionError(f"was not refused with {kind}")
    assert status is None or found == status, found
    assert says in said, said


def noise(size, seed):
    return random.Random(seed).randbytes(size)


BIG = noise(3_000_000, RUN)


def tensors(values):
    data = b"".join(bytes([value % 256]) * 4 for value in values)
    told = {
        "a": {"dtype": "F32", "shape": [len(values)], "data_offsets": [0, len(data)]}
    }
    header = json.dumps(told).encode()
    return len(header).to_bytes(8, "little") + header + data
