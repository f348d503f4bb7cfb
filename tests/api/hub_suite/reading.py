"""Lists, ranges, weights, and files that change."""

import os
import urllib.error
import urllib.request
from pathlib import Path

from day import BIG, NAMESPACE, REPO, RUN, api, check, noise, refused
from huggingface_hub import (
    HfFileSystem,
    get_safetensors_metadata,
    hf_hub_download,
    hf_hub_url,
)


@check
def bad_yaml_in_a_card_is_refused_before_it_is_sent():
    with refused(ValueError):
        api.upload_file(
            path_or_fileobj=b"---\nlicense: [mit\n---\n",
            path_in_repo="README.md",
            repo_id=REPO,
        )


@check
def the_list_finds_it():
    found = {one.id for one in api.list_models(search=f"suite-{RUN}")}
    assert found == {REPO}, found
    assert REPO in {one.id for one in api.list_models(author=NAMESPACE)}
    assert REPO in {one.id for one in api.list_models(filter=["suite", "license:mit"])}
    assert REPO not in {one.id for one in api.list_models(filter="license:gpl-3.0")}
    task = api.list_models(pipeline_tag="object-detection", author=NAMESPACE)
    assert REPO in {one.id for one in task}


@check
def the_list_pages():
    names = [f"{NAMESPACE}/page-{RUN}-{n}" for n in range(3)]
    for name in names:
        api.create_repo(name)
    found = [one.id for one in api.list_models(search=f"page-{RUN}", sort="created_at")]
    assert sorted(found) == names, found
    assert len(list(api.list_models(search=f"page-{RUN}", limit=2))) == 2
    for name in names:
        api.delete_repo(name)


@check
def the_header_of_weights_is_read_in_ranges():
    told = get_safetensors_metadata(REPO)
    assert told.parameter_count == {"F32": 5000}, told


@check
def the_file_system_reads_and_lists():
    fs = HfFileSystem(token=os.environ["HF_TOKEN"])
    assert f"{REPO}/big.bin" in fs.ls(REPO, detail=False)
    with fs.open(f"{REPO}/big.bin", "rb") as file:
        file.seek(1_000_000)
        assert file.read(100) == BIG[1_000_000:1_000_100]
    with fs.open(f"{REPO}/written.txt", "w") as file:
        file.write("by the file system")
    assert fs.cat_file(f"{REPO}/written.txt") == b"by the file system"


@check
def a_cut_download_goes_on():
    url = hf_hub_url(REPO, "big.bin")

    def get(span):
        head = {"Authorization": f"Bearer {os.environ['HF_TOKEN']}", "Range": span}
        return urllib.request.urlopen(urllib.request.Request(url, headers=head))

    with get("bytes=1000000-") as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes 1000000-2999999/{len(BIG)}"
        assert answer.read() == BIG[1_000_000:]
    with refused(OSError):
        get("bytes=3000000-")


@check
def a_changed_file_is_sent_again():
    changed = BIG[:1_500_000] + noise(1000, 1) + BIG[1_501_000:]
    api.upload_file(path_or_fileobj=changed, path_in_repo="big.bin", repo_id=REPO)
    assert Path(hf_hub_download(REPO, "big.bin")).read_bytes() == changed
    old = api.list_repo_commits(REPO)[-3].commit_id
    assert Path(hf_hub_download(REPO, "big.bin", revision=old)).read_bytes() == BIG


@check
def text_and_numbers_survive_their_packing():
    text = b"the same line again and again\n" * 50_000
    floats = (
        b"".join(noise(1, n % 251) + bytes([n % 7, n % 3, 63]) for n in range(60_001))
        + noise(600_000, 7)
        + b"xyz"
    )
    for name, data in (("text.bin", text), ("floats.bin", floats)):
        api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id=REPO)
        assert Path(hf_hub_download(REPO, name)).read_bytes() == data, name
