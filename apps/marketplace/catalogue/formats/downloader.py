"""A child process that downloads files of one revision with the Hub's own client.

Run by path with a folder that holds ``spec.json``: ``{"repo", "sha", "paths", "folder"}``.
The address of the Hub and a token come in its environment. Each file that has come is a
line of its output. What was begun is gone on with when it is run again.
"""

import json
import sys
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)


def download(spec: dict[str, object]) -> None:
    paths = spec["paths"]
    assert isinstance(paths, list)
    for path in paths:
        hf_hub_download(
            repo_id=str(spec["repo"]),
            filename=path,
            revision=str(spec["sha"]),
            local_dir=str(spec["folder"]),
        )
        sys.stdout.write(json.dumps({"path": path}) + "\n")
        sys.stdout.flush()


def _reason(error: BaseException) -> str:
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # the client looked in its cache after that
    if isinstance(error, GatedRepoError):
        return (
            "the upstream gates it: ask for access there with the account whose token "
            "this server has, then fetch again"
        )
    if isinstance(error, RepositoryNotFoundError | EntryNotFoundError):
        return "the upstream does not have it any more, or hides it: look there"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in {401, 403}:
            return (
                f"the upstream refuses ({status}): check HUB_UPSTREAM_TOKEN, and that its "
                "account may read this model, then fetch again"
            )
        return f"the upstream answers {status}: fetch again later"
    said = str(error).strip().splitlines()
    return (
        f"the connection to the upstream broke ({said[0] if said else type(error).__name__}): "
        "fetch again, what has come is kept"
    )


def main(folder: Path) -> int:
    try:
        download(json.loads((folder / "spec.json").read_text()))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- the client raises its transports' own
        if getattr(error, "errno", None) == 28:  # ENOSPC
            sys.stderr.write(f"No space left on device: {folder}: free some space\n")
            return 1
        sys.stderr.write(f"{_reason(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
