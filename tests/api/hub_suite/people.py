"""Who may what: tokens, strangers, gates; data sets; the end of a repository."""

import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

from day import (
    BIG,
    NAMESPACE,
    REPO,
    RUN,
    TOLD,
    api,
    check,
    colleague,
    folder,
    noise,
    reader,
    refused,
    stranger,
)
from huggingface_hub import (
    HfApi,
    constants,
    hf_hub_download,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)


@check
def a_reading_token_only_reads():
    assert reader.model_info(REPO).id == REPO
    with refused(HfHubHTTPError, 403):
        reader.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=REPO)
    with refused(HfHubHTTPError, 403):
        reader.create_repo(f"{NAMESPACE}/reader-{RUN}")


@check
def a_stranger_does_not_know_of_a_private_one():
    with refused(RepositoryNotFoundError):
        stranger.model_info(REPO)
    with refused(RepositoryNotFoundError):
        hf_hub_download(
            REPO, "README.md", token=TOLD["stranger"], cache_dir=folder / "c"
        )
    with refused(RepositoryNotFoundError):
        stranger.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=REPO)
    assert REPO not in {one.id for one in stranger.list_models(author=NAMESPACE)}


def limited(scope, *names):
    body = json.dumps({"name": "robot", "scope": scope, "repositories": names})
    request = urllib.request.Request(
        f"{constants.ENDPOINT}/api/v1/marketplace/tokens/",
        data=body.encode(),
        headers={
            "Authorization": f"Bearer {TOLD['admin']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return HfApi(token=json.load(answer)["secret"])


@check
def a_token_for_one_repository_knows_of_no_other():
    other = f"{NAMESPACE}/other-{RUN}"
    api.create_repo(other, private=False)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=other)
    for scope in ("read", "write"):
        robot = limited(scope, REPO)
        assert robot.whoami()["auth"]["accessToken"]["role"] == "fineGrained"
        assert robot.model_info(REPO).id == REPO
        assert {one.id for one in robot.list_models(author=NAMESPACE)} == {REPO}
        get = {"token": robot.token, "cache_dir": folder / scope}
        assert Path(hf_hub_download(REPO, "README.md", **get)).exists()
        with refused(RepositoryNotFoundError, 404):
            robot.model_info(other)
        with refused(RepositoryNotFoundError, 404):
            hf_hub_download(other, "x", **get)
        # A token that only reads is told so first, whatever it names.
        with refused(HfHubHTTPError, 404 if scope == "write" else 403):
            robot.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=other)
        with refused(HfHubHTTPError, 404 if scope == "write" else 403):
            robot.delete_repo(other)
        with refused(HfHubHTTPError, 403):
            robot.create_repo(f"{NAMESPACE}/robot-{RUN}")
    api.delete_repo(other)


@check
def a_token_for_one_repository_may_there_what_its_scope_says():
    sent = {"path_in_repo": "robot.bin", "repo_id": REPO}
    with refused(HfHubHTTPError, 403):
        limited("read", REPO).upload_file(path_or_fileobj=noise(700_000, 7), **sent)
    robot = limited("write", REPO)
    robot.create_repo(REPO, exist_ok=True)
    robot.upload_file(path_or_fileobj=noise(700_000, 7), **sent)
    assert "robot.bin" in robot.list_repo_files(REPO)
    robot.delete_file(**sent)


@check
def nobody_in_particular_is_asked_to_sign_in():
    with refused(RepositoryNotFoundError, 401):
        HfApi(token=False).model_info(REPO)


@check
def bytes_of_another_repository_cannot_be_claimed():
    oid = hashlib.sha256(BIG).hexdigest()
    other = stranger.create_repo(f"claim-{RUN}").repo_id
    line = json.dumps(
        {"key": "lfsFile", "value": {"path": "x.bin", "algo": "sha256", "oid": oid}}
    )
    head = json.dumps({"key": "header", "value": {"summary": "mine"}})

    request = urllib.request.Request(
        f"{constants.ENDPOINT}/api/models/{other}/commit/main",
        data=f"{head}\n{line}\n".encode(),
        headers={
            "Authorization": f"Bearer {TOLD['stranger']}",
            "Content-Type": "application/x-ndjson",
        },
    )
    with refused(urllib.error.HTTPError):
        urllib.request.urlopen(request)
    assert stranger.list_repo_files(other) == []
    stranger.delete_repo(other)


@check
def public_is_for_everybody():
    api.update_repo_settings(REPO, private=False)
    assert stranger.model_info(REPO).private is False
    with refused(HfHubHTTPError, 403):
        stranger.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=REPO)
    with refused(HfHubHTTPError, 403):
        stranger.delete_repo(REPO)


@check
def a_gate_says_so_and_lets_in_whom_a_manager_accepts():
    api.update_repo_settings(REPO, gated="manual")
    get = {"token": TOLD["stranger"], "cache_dir": folder / "gated"}
    assert stranger.model_info(REPO).gated == "manual"
    where = f"open {constants.ENDPOINT}/{REPO} in a browser"
    with refused(GatedRepoError, says=where):
        hf_hub_download(REPO, "README.md", **get)

    ask = urllib.request.Request(
        f"{constants.ENDPOINT}/{REPO}/ask-access",
        data=b"{}",
        headers={"Authorization": f"Bearer {TOLD['stranger']}"},
    )
    urllib.request.urlopen(ask)
    waiting = list(api.list_pending_access_requests(REPO))
    assert [one.username for one in waiting] == [TOLD["stranger_email"]], waiting
    api.reject_access_request(REPO, TOLD["stranger_email"], **REASON)
    with refused(GatedRepoError):
        hf_hub_download(REPO, "README.md", **get)
    urllib.request.urlopen(ask)
    api.accept_access_request(REPO, TOLD["stranger_email"])
    assert Path(hf_hub_download(REPO, "README.md", **get)).exists()
    assert len(list(api.list_accepted_access_requests(REPO))) == 1
    api.update_repo_settings(REPO, gated=False)


REASON = {"rejection_reason": "not yet"}


@check
def auth_check_answers():
    if not hasattr(api, "auth_check"):
        return
    api.auth_check(REPO)
    with refused(RepositoryNotFoundError):
        stranger.auth_check(f"{NAMESPACE}/nothing")


@check
def a_data_set_is_a_repository_too():
    name = f"{NAMESPACE}/data-{RUN}"
    url = api.create_repo(name, repo_type="dataset")
    assert (url.repo_id, url.repo_type) == (name, "dataset"), url
    for path, data in (("train.csv", b"a,b\n1,2\n"), ("big.bin", noise(600_000, 4))):
        api.upload_file(
            path_or_fileobj=data, path_in_repo=path, repo_id=name, repo_type="dataset"
        )
        got = hf_hub_download(name, path, repo_type="dataset")
        assert Path(got).read_bytes() == data
    assert api.dataset_info(name).id == name
    assert name in {one.id for one in api.list_datasets(author=NAMESPACE)}
    api.delete_repo(name, repo_type="dataset")


@check
def colleagues_write_together_and_nothing_is_lost():
    for n in range(3):
        for one in (api, colleague):
            one.upload_file(
                path_or_fileobj=b"%d" % n,
                path_in_repo=f"{id(one)}/{n}.txt",
                repo_id=REPO,
            )
    files = [one for one in api.list_repo_files(REPO) if one[0].isdigit()]
    assert len(files) == 6, files


@check
def it_moves_and_is_deleted():
    moved = f"{NAMESPACE}/moved-{RUN}"
    api.move_repo(REPO, moved)
    assert api.model_info(moved).id == moved
    api.delete_tag(moved, tag="v1")
    api.delete_branch(moved, branch="exp/a")
    assert [one.name for one in api.list_repo_refs(moved).branches] == ["main"]
    with refused(HfHubHTTPError, 403):
        api.delete_branch(moved, branch="main")
    api.delete_repo(moved)
    with refused(RepositoryNotFoundError):
        api.model_info(moved)
    with refused(RepositoryNotFoundError):
        api.delete_repo(moved)
    api.delete_repo(moved, missing_ok=True)
