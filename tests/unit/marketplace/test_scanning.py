"""Uploaded files are looked into by two scanners and by checks of our own."""

import functools
import io
import os
import pickle
import pkgutil
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from apps.accounts.models import User
from apps.marketplace.models import FileScan, ModelRevision
from apps.marketplace.selectors.scans import is_suspicious, scans_of
from apps.marketplace.services import scanning
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.types import Verdict
from tests.api.test_pages_marketplace import put

WEIGHTS = save({"w": np.ones(4, np.float32)})
MIT = b"Permission is hereby granted, free of charge, to any person obtaining a copy"


class Calls:
    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        self.deed = (function, given)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.deed


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(member: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(member)
    return file.getvalue()


def linked(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def graph_with_weights_in(location: str) -> bytes:
    tensor = numpy_helper.from_array(np.ones(2, np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, location)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    node = helper.make_node("Identity", ["w"], ["y"])
    graph = helper.make_graph([node], "g", [], [y], [tensor])
    return bytes(helper.make_model(graph).SerializeToString())


SYSTEM = pickle.dumps(Calls(os.system, "id"))
# What lies in the file, what is said of it, and why.
FILES: dict[str, tuple[bytes, Verdict, set[str]]] = {
    "system.pkl": (SYSTEM, Verdict.SUSPICIOUS, {"pickle", "calls"}),
    "resolve.pkl": (
        pickle.dumps(Calls(pkgutil.resolve_name, "os:system")),
        Verdict.SUSPICIOUS,
        {"pickle", "calls"},
    ),
    "partial.bin": (
        pickle.dumps(Calls(functools.partial, os.system, "id")),
        Verdict.SUSPICIOUS,
        {"pickle", "calls"},
    ),
    "numbers.pkl": (pickle.dumps({"a": [1, 2]}), Verdict.CLEAN, {"pickle"}),
    "picture.png": (SYSTEM, Verdict.SUSPICIOUS, {"pickle", "calls"}),
    "noise.bin": (b"\x93" * 999, Verdict.NOT_COVERED, {"pickle"}),
    "sound.safetensors": (WEIGHTS, Verdict.CLEAN, set()),
    "named.safetensors": (SYSTEM, Verdict.SUSPICIOUS, {"pickle", "calls", "unsound"}),
    "tail.safetensors": (WEIGHTS + SYSTEM, Verdict.SUSPICIOUS, {"unsound"}),
    "beside.onnx": (graph_with_weights_in("w.data"), Verdict.CLEAN, set()),
    "outside.onnx": (
        graph_with_weights_in("../../../etc/passwd"),
        Verdict.SUSPICIOUS,
        {"outside"},
    ),
    "fine.zip": (zipped(a=b"words"), Verdict.CLEAN, set()),
    "slip.zip": (zipped(**{"../../a": b""}), Verdict.SUSPICIOUS, {"slip"}),
    "bomb.zip": (zipped(a=b"0" * 5_000_000), Verdict.SUSPICIOUS, {"bomb"}),
    "packed.zip": (
        zipped(**{"data.pkl": SYSTEM}),
        Verdict.SUSPICIOUS,
        {"pickle", "calls"},
    ),
    "link.tar.gz": (
        tarred(linked("a", "../../etc")),
        Verdict.SUSPICIOUS,
        {"slip", "link"},
    ),
    "inner.tgz": (tarred(linked("a/b", "../c")), Verdict.CLEAN, {"link"}),
    "hidden.pt": (
        b"7z\xbc\xaf\x27\x1c" + bytes(60),
        Verdict.SUSPICIOUS,
        {"pickle", "disguised"},
    ),
    "library.so": (b"\x7fELF\x02" + bytes(60), Verdict.SUSPICIOUS, {"program"}),
    "notes.txt": (b"Words.", Verdict.CLEAN, set()),
    ".env": (b"A=1\nKEY=AKIA" + b"A" * 16, Verdict.SUSPICIOUS, {"secret"}),
    "model.py": (b"print(1)", Verdict.NOT_COVERED, {"code"}),
    "LICENSE": (MIT, Verdict.CLEAN, {"licence"}),
    "weights.gguf": (b"GGUF\0\0", Verdict.NOT_COVERED, set()),
}


@pytest.fixture
def uploaded(alice: User) -> ModelRevision:
    model = create_repository(user=alice, namespace="", name="mixed")
    files = [put(path, data) for path, (data, _verdict, _codes) in FILES.items()]
    return commit(model=model, user=alice, changes=Changes(title="All", files=files))


def test_each_file_is_called_what_it_is(uploaded: ModelRevision):
    scanning.scan_revision(revision_id=uploaded.pk)

    told = {}
    for file in uploaded.files.all():
        row = FileScan.objects.get(sha256=file.sha256, suffix=file.suffix)
        told[file.path] = (row.verdict, {code for code, _what, _by in row.found})
    assert told == {path: (one[1], one[2]) for path, one in FILES.items()}
    scans = scans_of(uploaded.files.all())
    said = scans["system.pkl"].remarks[1]
    assert said.text == f"calls {os.name}.system when it is opened"
    assert said.by == ("picklescan", "modelaudit")
    assert scans[".env"].remarks[0].text.startswith("line 2 holds a secret (AWS key)")
    assert scans["LICENSE"].licence == "mit"
    assert is_suspicious(uploaded)
    uploaded.refresh_from_db()
    assert uploaded.scan_version == scanning.VERSION


def test_bytes_that_were_scanned_are_not_scanned_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
):
    model = create_repository(user=alice, namespace="", name="twice")
    asked: list[str] = []
    monkeypatch.setattr(scanning, "_run", lambda given: asked.append(given) or "")
    for title, data in (("One", b"a"), ("Two", b"b"), ("Three", b"a")):
        files = [put("notes.txt", data), put(f"{title}.txt", b"c")]
        made = commit(
            model=model, user=alice, changes=Changes(title=title, files=files)
        )
        scanning.scan_revision(revision_id=made.pk)

    assert [given.count("\n") for given in asked] == [2, 1]


def test_scanners_that_give_up_leave_files_uncovered_and_say_so(
    alice: User, monkeypatch: pytest.MonkeyPatch
):
    model = create_repository(user=alice, namespace="", name="heavy")
    monkeypatch.setattr(scanning, "PATIENCE_S", 0.01)
    made = commit(
        model=model,
        user=alice,
        changes=Changes(title="One", files=[put("notes.txt", b"a")]),
    )

    scanning.scan_revision(revision_id=made.pk)

    scan = scans_of(made.files.all())["notes.txt"]
    assert scan.verdict == Verdict.NOT_COVERED
    assert scan.remarks[0].text == "the scanners did not come to an end"
    assert not is_suspicious(made)


def test_what_nobody_scanned_is_seen_to_later(
    alice: User, hub_tasks: list[dict[str, Any]]
):
    model = create_repository(user=alice, namespace="", name="late")
    first = commit(model=model, user=alice, changes=Changes(title="One"))
    second = commit(model=model, user=alice, changes=Changes(title="Two"))
    ModelRevision.objects.filter(pk=second.pk).update(scan_version=scanning.VERSION)
    hub_tasks.clear()

    scanning.scan_waiting()

    asked = [one["revision_id"] for one in hub_tasks]
    assert asked[0] == first.pk  # the newest first
    assert second.pk not in asked


@pytest.fixture
def hub_tasks(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(
        scanning, "enqueue", lambda _name, queue, **ids: sent.append(ids)
    )
    return sent
