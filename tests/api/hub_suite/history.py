"""Branches, tags, commits and their parents."""

from pathlib import Path

from day import REPO, api, check, refused
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    hf_hub_download,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    RevisionNotFoundError,
)


@check
def a_branch_with_a_slash_has_its_own_commits():
    api.create_branch(REPO, branch="exp/a")
    api.upload_file(
        path_or_fileobj=b"branch",
        path_in_repo="only.txt",
        repo_id=REPO,
        revision="exp/a",
    )
    assert "only.txt" in api.list_repo_files(REPO, revision="exp/a")
    assert "only.txt" not in api.list_repo_files(REPO)
    path = hf_hub_download(REPO, "only.txt", revision="exp/a")
    assert Path(path).read_bytes() == b"branch"


@check
def a_branch_twice_is_a_conflict_unless_told():
    with refused(HfHubHTTPError, 409):
        api.create_branch(REPO, branch="exp/a")
    api.create_branch(REPO, branch="exp/a", exist_ok=True)


@check
def a_tag_stays_where_it_is():
    sha = api.model_info(REPO).sha
    api.create_tag(REPO, tag="v1", tag_message="First")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="later.txt", repo_id=REPO)
    assert api.model_info(REPO, revision="v1").sha == sha
    assert "later.txt" not in api.list_repo_files(REPO, revision="v1")
    with refused(HfHubHTTPError, 409):
        api.create_tag(REPO, tag="v1")


@check
def refs_list_branches_and_tags():
    refs = api.list_repo_refs(REPO)
    assert {one.name for one in refs.branches} == {"main", "exp/a"}, refs
    assert [one.ref for one in refs.tags] == ["refs/tags/v1"], refs


@check
def a_commit_id_is_a_revision():
    sha = api.list_repo_commits(REPO)[-2].commit_id
    assert api.model_info(REPO, revision=sha).sha == sha
    assert len(api.list_repo_files(REPO, revision=sha)) == 1


@check
def commits_are_listed_newest_first():
    titles = [one.title for one in api.list_repo_commits(REPO)]
    assert titles[-1] == "initial commit" and len(titles) >= 5, titles


@check
def one_commit_adds_copies_and_deletes():
    made = api.create_commit(
        REPO,
        operations=[
            CommitOperationAdd("x/new.txt", b"new"),
            CommitOperationCopy("big.bin", "x/copy.bin"),
            CommitOperationDelete("later.txt"),
            CommitOperationDelete("deep/", is_folder=True),
        ],
        commit_message="Mixed",
        commit_description="All at once.",
    )
    files = set(api.list_repo_files(REPO))
    assert {"x/new.txt", "x/copy.bin"} <= files, files
    assert not {"later.txt", "deep/a.txt"} & files, files
    assert made.oid == api.model_info(REPO).sha and made.commit_url.endswith(made.oid)


@check
def a_parent_that_moved_is_refused():
    old = api.list_repo_commits(REPO)[1].commit_id
    with refused(HfHubHTTPError, 412):
        api.create_commit(
            REPO,
            operations=[CommitOperationAdd("late.txt", b"late")],
            commit_message="Late",
            parent_commit=old,
        )
    assert "late.txt" not in api.list_repo_files(REPO)


@check
def a_parent_that_is_the_head_is_taken():
    head = api.model_info(REPO).sha
    api.create_commit(
        REPO,
        operations=[CommitOperationAdd("on-time.txt", b"y")],
        commit_message="On time",
        parent_commit=head,
    )


@check
def a_branch_that_is_not_there_takes_no_commit():
    with refused(RevisionNotFoundError):
        api.upload_file(
            path_or_fileobj=b"x", path_in_repo="x", repo_id=REPO, revision="no-such"
        )


@check
def paths_that_lead_out_are_refused():
    for path in ("../x", "a/../../x", ".git/config"):
        with refused((HfHubHTTPError, ValueError)):
            api.upload_file(path_or_fileobj=b"x", path_in_repo=path, repo_id=REPO)


@check
def names_that_are_one_on_other_systems_are_refused_in_plain_words():
    for path in ("BIG.bin", "BIG.bin/x", "cafe\u0301.txt"):
        with refused(HfHubHTTPError, 400, says="are one file on Windows and macOS"):
            api.create_commit(
                REPO,
                operations=[
                    CommitOperationAdd("caf\u00e9.txt", b"one"),
                    CommitOperationAdd(path, b"x"),
                ],
                commit_message="Twins",
            )
    assert "caf\u00e9.txt" not in api.list_repo_files(REPO)


@check
def a_file_is_deleted_and_a_folder():
    api.delete_file("on-time.txt", REPO)
    api.delete_folder("x", REPO)
    files = api.list_repo_files(REPO)
    assert not any(one.startswith("x/") for one in files) and "on-time.txt" not in files
