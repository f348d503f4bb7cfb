"""The shape of the code: layers, sizes, names, and what a process loads."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("apps", "dsportal", "gpu_workers", "tests")
HEAVY = ("torch", "onnxruntime", "numpy", "scipy", "skimage", "onnx", "cv2")
MAX_LINES = 400


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py")]


def python(code: str) -> str:
    """Run code in a process of its own, from the root, with the test settings."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "dsportal.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_imports_keep_their_contracts():
    said = python(
        "import sys; from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(no_cache=True))"
    )

    assert "0 broken" in said


@pytest.mark.parametrize("entry", ["dsportal.asgi", "dsportal.wsgi", "dsportal.celery"])
def test_no_process_of_ours_loads_what_only_children_need(entry: str):
    code = (
        f"import json, sys, importlib; importlib.import_module({entry!r});"
        "import django; django.setup();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        f"print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))"
    )

    loaded = json.loads(python(code))

    assert loaded == []


def test_every_task_has_a_name_of_its_app():
    named = {}
    for path in (ROOT / "apps").rglob("tasks.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for name in task_names(node):
                    named[f"{path.parent.name}.{node.name}"] = name

    assert named
    assert {
        where: name
        for where, name in named.items()
        if name is None or name.partition(".")[0] != where.partition(".")[0]
    } == {}


def task_names(function: ast.FunctionDef) -> list[str | None]:
    """Return the name that each shared_task decorator gives, None where none."""
    names: list[str | None] = []
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call else decorator
        if isinstance(target, ast.Name) and target.id == "shared_task":
            given = {key.arg: key.value for key in call.keywords} if call else {}
            value = given.get("name")
            names.append(value.value if isinstance(value, ast.Constant) else None)
    return names


def test_a_module_fits_on_a_few_screens():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in modules(*PACKAGES)
        if "migrations" not in path.parts
    }

    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def test_every_package_says_that_it_is_typed():
    packages = [path.parent for path in (ROOT / "gpu_workers").glob("*/__init__.py")]

    assert [path.name for path in packages if not (path / "py.typed").exists()] == []
