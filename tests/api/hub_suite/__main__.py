"""What a Hub client does in a day, run by the client's own Python; prints JSON.

Knows nothing of the portal: only ``huggingface_hub`` and the standard library. It is
given HF_ENDPOINT, HF_TOKEN and SUITE, a JSON object of names and further tokens.
"""

import io
import json
import sys
import time
import traceback

import files  # noqa: F401 -- each part adds its checks, in this order
import history  # noqa: F401
import lists  # noqa: F401
import reading  # noqa: F401

import people  # noqa: F401 # isort: skip
import renaming  # noqa: F401 # isort: skip
from day import CHECKS


def main():
    results = []
    for function in CHECKS:
        started = time.monotonic()
        said = io.StringIO()
        try:
            function()
        except Exception:
            traceback.print_exc(file=said)
        seconds = round(time.monotonic() - started, 2)
        results.append((function.__name__, seconds, said.getvalue()))
    sys.stdout.write(json.dumps(results))


main()
