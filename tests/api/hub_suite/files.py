"""Repositories and files: made, sent, listed, fetched."""

import hashlib
from pathlib import Path

from day import (
    BIG,
    CARD,
    NAMESPACE,
    REPO,
    RUN,
    TOLD,
    api,
    check,
    folder,
    refused,
    tensors,
)
from huggingface_hub import (
    HfApi,
    hf_hub_download,
    snapshot_download,
    whoami,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


@check
def whoami_tells_names_and_role():
    me = whoami()
    assert me["name"] == NAMESPACE, me
    assert me["auth"]["accessToken"]["role"] == "write", me


@check
def a_bad_token_is_said_to_be_one():
    with refused((HfHubHTTPError, OSError), 401):
        whoami(token="hf_wrong")
    for token, why in (("hf_wrong", "is not known"), (TOLD["expired"], "has expired")):
        other = HfApi(token=token)
        with refused(HfHubHTTPError, 401, says=why):
            other.model_info(REPO)
        with refused(HfHubHTTPError, 401, says=why):
            other.create_repo(REPO)


@check
def create_answers_the_address():
    url = api.create_repo(REPO, private=True)
    assert (url.repo_id, url.repo_type) == (REPO, "model"), url


@check
def create_again_is_a_conflict_unless_told():
    with refused(HfHubHTTPError, 409):
        api.create_repo(REPO)
    assert api.create_repo(REPO, exist_ok=True).repo_id == REPO


@check
def create_without_a_namespace_takes_mine():
    url = api.create_repo(f"short-{RUN}")
    assert url.repo_id == f"{NAMESPACE}/short-{RUN}", url
    api.delete_repo(url.repo_id)


@check
def another_case_is_the_same_name():
    with refused(HfHubHTTPError, 409):
        api.create_repo(REPO.upper().replace(NAMESPACE.upper(), NAMESPACE))


@check
def an_empty_repository_has_a_commit():
    info = api.model_info(REPO)
    assert len(info.sha) == 40 and info.private is True, info
    assert api.list_repo_files(REPO) == []


@check
def a_small_file_goes_up_and_comes_down():
    api.upload_file(
        path_or_fileobj=CARD.encode(), path_in_repo="README.md", repo_id=REPO
    )
    assert Path(hf_hub_download(REPO, "README.md")).read_text() == CARD


@check
def a_large_file_goes_up_and_comes_down():
    api.upload_file(path_or_fileobj=BIG, path_in_repo="big.bin", repo_id=REPO)
    assert Path(hf_hub_download(REPO, "big.bin")).read_bytes() == BIG


@check
def an_empty_file_too():
    api.upload_file(path_or_fileobj=b"", path_in_repo="empty.txt", repo_id=REPO)
    assert Path(hf_hub_download(REPO, "empty.txt")).read_bytes() == b""


@check
def a_folder_goes_up_in_one_commit():
    local = folder / "up"
    (local / "deep" / "er").mkdir(parents=True)
    (local / "config.json").write_text('{"model_type": "suite"}')
    (local / "deep" / "a.txt").write_text("a")
    (local / "deep" / "er" / "b c é.txt").write_text("b")
    (local / "model.safetensors").write_bytes(tensors(range(5000)))
    before = len(api.list_repo_commits(REPO))
    api.upload_folder(folder_path=local, repo_id=REPO, commit_message="All of it")
    commits = api.list_repo_commits(REPO)
    assert len(commits) == before + 1 and commits[0].title == "All of it", commits


@check
def the_same_folder_again_makes_no_commit_of_new_files():
    before = api.model_info(REPO, files_metadata=True).siblings
    api.upload_folder(folder_path=folder / "up", repo_id=REPO)
    after = api.model_info(REPO, files_metadata=True).siblings
    assert [one.blob_id for one in before] == [one.blob_id for one in after]


@check
def a_snapshot_is_what_went_up():
    path = Path(snapshot_download(REPO))
    assert (path / "deep" / "er" / "b c é.txt").read_text() == "b"
    assert (path / "model.safetensors").read_bytes() == tensors(range(5000))
    assert (path / "big.bin").read_bytes() == BIG


@check
def a_snapshot_of_a_pattern_is_part_of_it():
    path = Path(
        snapshot_download(REPO, allow_patterns="deep/*", local_dir=folder / "part")
    )
    found = sorted(p.name for p in path.rglob("*.txt"))
    assert found == ["a.txt", "b c é.txt"], found


@check
def info_has_files_with_sizes_and_digests():
    info = api.model_info(REPO, files_metadata=True)
    files = {one.rfilename: one for one in info.siblings}
    assert files["big.bin"].lfs.sha256 == hashlib.sha256(BIG).hexdigest()
    assert files["big.bin"].size == len(BIG)
    named = b"blob %d\0" % len(CARD.encode()) + CARD.encode()
    assert files["README.md"].blob_id == hashlib.sha1(named).hexdigest()
    assert info.card_data.license == "mit" and info.pipeline_tag == "object-detection"
    assert "suite" in info.tags and "license:mit" in info.tags


@check
def the_tree_has_folders():
    top = {one.path for one in api.list_repo_tree(REPO)}
    assert {"deep", "README.md"} <= top and "deep/a.txt" not in top, top
    inner = {one.path for one in api.list_repo_tree(REPO, "deep")}
    assert inner == {"deep/a.txt", "deep/er"}, inner
    everything = {one.path for one in api.list_repo_tree(REPO, recursive=True)}
    assert {"deep/er", "deep/er/b c é.txt"} <= everything, everything


@check
def an_expanded_tree_tells_the_last_commit_and_what_scanners_said():
    rows = {one.path: one for one in api.list_repo_tree(REPO, expand=True)}
    assert rows["config.json"].last_commit.title == "All of it"
    assert rows["config.json"].security.status in {"queued", "safe"}
    assert "scansDone" in api.model_info(REPO, securityStatus=True).security_repo_status
    assert rows["deep"].last_commit.title == "All of it"


@check
def a_folder_that_is_not_there_is_said_so():
    with refused(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "nowhere"))


@check
def paths_info_leaves_out_what_is_not_there():
    rows = api.get_paths_info(REPO, ["big.bin", "deep", "nowhere"])
    assert {one.path for one in rows} == {"big.bin", "deep"}, rows


@check
def file_exists_and_repo_exists():
    assert api.repo_exists(REPO) and not api.repo_exists(f"{NAMESPACE}/nothing")
    assert api.file_exists(REPO, "big.bin") and not api.file_exists(REPO, "no.bin")
    assert api.revision_exists(REPO, "main") and not api.revision_exists(REPO, "no")


@check
def a_missing_file_is_an_entry_not_found():
    with refused(EntryNotFoundError):
        hf_hub_download(REPO, "no.bin")


@check
def a_missing_revision_is_a_revision_not_found():
    with refused(RevisionNotFoundError):
        hf_hub_download(REPO, "README.md", revision="no-such")


@check
def a_missing_repository_is_a_repository_not_found():
    with refused(RepositoryNotFoundError):
        api.model_info(f"{NAMESPACE}/nothing")
