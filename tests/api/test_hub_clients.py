"""The field's own clients, three generations of them, against a live server.

Each lives in a small environment of its own, made once and kept in the user's cache.
"""

import hashlib
import json
import os
import socket
import subprocess
import time
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest

import deepseek_vision as dv
from tests.api.fetching.converters import converter_python
from tests.environments import environment_of
from tests.stack import ROOT, Stack

VERSIONS = ("2.4.0", "1.31.0", "0.36.2")
XET = "1.8.0"
SUITE = Path(__file__).with_name("hub_suite")
PEOPLE = """
import json
from django.contrib.auth import get_user_model
from apps.accounts.models import ApiToken, Membership, Workspace
from apps.accounts.services import create_token
people = get_user_model().objects
demo = Workspace.objects.get(name="Demo")
other = Workspace.objects.create(name="Elsewhere")
admin = people.get(is_superuser=True)
made = {scope: (admin, scope) for scope in ("read", "write", "admin")}
for name, workspace, role in (("colleague", demo, "annotator"), ("stranger", other, "owner")):
    user = people.create_user(f"{name}@example.com", "x")
    Membership.objects.create(workspace=workspace, user=user, role=role)
    made[name] = (user, "write")
secrets = {
    name: create_token(user=user, name="t", scope=scope)[1]
    for name, (user, scope) in made.items()
}
old, secrets["expired"] = create_token(user=admin, name="old", scope="write")
ApiToken.objects.filter(pk=old.pk).update(expires_at=old.created_at)
print(json.dumps(secrets))
"""


@pytest.fixture(scope="module")
def tokens(stack: Stack) -> dict[str, str]:
    made: Any = stack.python(PEOPLE)
    return dict(made)


def client_of(version: str) -> Path:
    wanted = (f"huggingface_hub=={version}", f"hf_xet=={XET}")
    return environment_of(f"hub-clients/{version}", *wanted)


def environment(stack: Stack, home: Path, token: str, *, xet: bool) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": stack.url,
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


@pytest.mark.parametrize("xet", ["xet", "plain"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_does_all_of_its_day(
    stack: Stack, tokens: dict[str, str], tmp_path: Path, version: str, xet: str
):
    told = {
        **tokens,
        "namespace": "demo",
        "run": zlib.crc32(f"{version}{xet}".encode()) % 10_000,
        "stranger_email": "stranger@example.com",
    }
    env = environment(stack, tmp_path, tokens["write"], xet=xet == "xet")

    run = subprocess.run(
        [client_of(version) / "python", SUITE],
        env={**env, "SUITE": json.dumps(told)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr[-3000:]
    results = json.loads(run.stdout.splitlines()[-1])
    failed = {name: error for name, _seconds, error in results if error}
    assert failed == {}, "\n".join(failed.values())
    assert len(results) >= 62


def test_transformers_timm_and_kserve_push_and_pull_with_an_address_alone(
    stack: Stack, tokens: dict[str, str], tmp_path: Path
):
    python = converter_python()

    run = subprocess.run(
        [python, SUITE / "frameworks.py"],
        env=environment(stack, tmp_path, tokens["write"], xet=True),
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert {"config.json", "model.safetensors"} <= set(found.pop("kserve"))
    assert found == {
        "config": "bert",
        "words": [2, 1],
        **dict.fromkeys(("weights", "old", "kserve_weights", "missing", "timm"), True),
    }


def test_the_commands_of_the_readme_work_as_written(
    stack: Stack, tokens: dict[str, str], tmp_path: Path
):
    text = (ROOT / "README.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("hf ")]
    env = environment(stack, tmp_path, tokens["write"], xet=True)
    env["PATH"] = f"{client_of(VERSIONS[0])}:{env['PATH']}"
    made = tmp_path / "my-model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "weights.bin").write_bytes(os.urandom(700_000))

    for line in lines:
        subprocess.run(["/bin/bash", "-euc", line], env=env, cwd=tmp_path, check=True)

    assert len(lines) >= 2
    fetched = tmp_path / "fetched"
    for name in ("config.json", "weights.bin"):
        assert (fetched / name).read_bytes() == (made / name).read_bytes()


def test_an_upload_that_is_cut_leaves_nothing_and_may_come_again(
    stack: Stack, tokens: dict[str, str]
):
    data = os.urandom(8_000_000)
    told = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
    headers = {"Authorization": f"Bearer {tokens['write']}"}
    with httpx.Client(base_url=stack.url, headers=headers) as http:
        http.post("/api/repos/create", json={"name": "cut", "organization": "demo"})
        ask = {"operation": "upload", "transfers": ["basic"], "objects": [told]}
        answer = http.post("/demo/cut.git/info/lfs/objects/batch", json=ask).json()
    [one] = answer["objects"]
    url = httpx.URL(one["actions"]["upload"]["href"])
    head = (
        f"PUT {url.path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    incoming = stack.folder / "incoming"

    with socket.create_connection((url.host, url.port)) as line:
        line.sendall(head.encode() + data[:5_000_000])
        time.sleep(0.5)
        named = list(incoming.iterdir())
    time.sleep(0.5)
    again = httpx.put(url, content=data, timeout=60)

    assert named == []  # nor would a killed process leave any
    assert again.status_code == 200
    assert list(incoming.iterdir()) == []


def test_a_detector_is_loaded_by_its_name_here(
    stack: Stack,
    tokens: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for name, value in environment(stack, tmp_path, tokens["read"], xet=False).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    model = dv.load_model("dsportal/deepseek_vision_v2")

    shipped = dv.load_model("deepseek_vision_v2")
    assert model.directory.revision("int8") == shipped.directory.revision("int8")
    with pytest.raises(dv.UnknownModelError, match="no such model or revision"):
        dv.load_model("dsportal/nothing")
