"""Runs in Django what it is told, line by line: one start for all that a test asks."""

import io
import json
import os
import sys
import traceback
from contextlib import redirect_stdout

import django


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a child says is no answer
    django.setup()
    for line in sys.stdin:
        printed, failed = io.StringIO(), ""
        try:
            with redirect_stdout(printed):
                exec(json.loads(line), {"__name__": "told"})  # noqa: S102 -- a test's own
        except Exception:  # noqa: BLE001 -- the test is told of any
            failed = traceback.format_exc()
        print(json.dumps([printed.getvalue(), failed]), file=answers)


if __name__ == "__main__":
    main()
