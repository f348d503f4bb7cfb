"""A repository that was renamed, by the name that it had."""

import os
import subprocess
import sys
from pathlib import Path

from day import BIG, NAMESPACE, RUN, TOLD, api, check, folder, noise, refused, stranger
from huggingface_hub import (
    CommitOperationAdd,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

A, B, C = (f"{NAMESPACE}/{letter}-{RUN}" for letter in "abc")
DATA, NEWER = f"{NAMESPACE}/rows-{RUN}", f"{NAMESPACE}/lines-{RUN}"


@check
def a_renamed_one_is_read_by_its_old_name():
    api.create_repo(A, private=True)
    api.create_branch(A, branch="exp/a")
    for path, data in (("a.txt", b"small"), ("x/big.bin", BIG)):
        api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id=A)
    api.move_repo(A, B)
    assert api.model_info(A).id == B
    assert set(api.list_repo_files(A)) == {"a.txt", "x/big.bin"}
    assert api.list_repo_files(A, revision="exp/a") == []
    assert [one.path for one in api.get_paths_info(A, ["a.txt"])] == ["a.txt"]
    assert len(api.list_repo_commits(A)) == 3
    assert Path(hf_hub_download(A, "x/big.bin")).read_bytes() == BIG
    got = Path(snapshot_download(A, cache_dir=folder / "old"))
    assert (got / "a.txt").read_bytes() == b"small"
    assert HfFileSystem().cat_file(f"{A}/a.txt") == b"small"


@check
def it_is_pushed_to_by_its_old_name():
    sent = noise(2_500_000, RUN + 1)
    made = api.create_commit(
        A,
        operations=[
            CommitOperationAdd("small.txt", b"small"),
            CommitOperationAdd("sent.bin", sent),
            CommitOperationAdd("long.txt", b"a line\n" * 60_000),
        ],
        commit_message="By the old name",
    )
    assert made.oid == api.model_info(B).sha
    assert Path(hf_hub_download(B, "sent.bin")).read_bytes() == sent
    api.create_tag(A, tag="v1")
    assert [one.name for one in api.list_repo_refs(B).tags] == ["v1"]
    api.delete_file("small.txt", A)
    assert "small.txt" not in api.list_repo_files(B)


@check
def the_command_goes_on_where_it_lives():
    made = folder / "made"
    made.mkdir()
    (made / "new.bin").write_bytes(noise(700_000, 9))
    command = Path(sys.executable).with_name("hf")
    subprocess.run([command, "upload", A, made, "."], check=True, capture_output=True)
    got = folder / "got"
    subprocess.run(
        [command, "download", A, "--local-dir", got], check=True, capture_output=True
    )
    assert (got / "new.bin").read_bytes() == (made / "new.bin").read_bytes()
    assert api.list_repo_files(B).count("new.bin") == 1


@check
def names_lead_on_and_back():
    api.move_repo(B, C)
    for old in (A, B):
        assert api.model_info(old).id == C
        assert Path(hf_hub_download(old, "a.txt")).read_bytes() == b"small"
    api.move_repo(C, A)
    for old in (B, C):
        assert api.model_info(old).id == A
    assert Path(hf_hub_download(A, "a.txt")).read_bytes() == b"small"


@check
def a_stranger_learns_nothing_from_an_old_name():
    for name in (A, B, f"{NAMESPACE}/never-{RUN}"):
        with refused(RepositoryNotFoundError, 404):
            stranger.model_info(name)
        with refused(RepositoryNotFoundError):
            hf_hub_download(
                name, "a.txt", token=TOLD["stranger"], cache_dir=folder / "c"
            )
        with refused(RepositoryNotFoundError):
            stranger.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=name)


@check
def an_old_name_is_not_made_again_unawares():
    with refused(HfHubHTTPError, 409):
        api.create_repo(B)
    assert api.create_repo(B, exist_ok=True).repo_id == A


@check
def what_is_deleted_is_named_by_its_own_name():
    with refused(RepositoryNotFoundError):
        api.delete_repo(B)
    assert api.model_info(A).id == A
    api.delete_repo(A)
    for name in (A, B, C):
        with refused(RepositoryNotFoundError):
            api.model_info(name)
    assert api.create_repo(B).repo_id == B
    api.delete_repo(B)


@check
def a_data_set_too_is_found_by_its_old_name():
    api.create_repo(DATA, repo_type="dataset")
    api.move_repo(DATA, NEWER, repo_type="dataset")
    api.upload_file(
        path_or_fileobj=os.urandom(600_000),
        path_in_repo="rows.bin",
        repo_id=DATA,
        repo_type="dataset",
    )
    path = hf_hub_download(DATA, "rows.bin", repo_type="dataset")
    assert Path(path).stat().st_size == 600_000
    api.delete_repo(NEWER, repo_type="dataset")
