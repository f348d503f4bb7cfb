"""Whatever is said to a person goes through gettext."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from apps.accounts.models import User

APPS = Path(settings.BASE_DIR) / "apps"
# What a view answers beside the rules' own refusals.
OF_THE_FRAMEWORK = {
    "AuthenticationFailed", "ParseError", "PermissionDenied", "ValidationError",
}  # fmt: skip


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(APPS.rglob("*.py")):
        if not {"migrations", "management"} & set(path.parts):
            yield path, ast.parse(path.read_text())


def refusals() -> set[str]:
    """The names of DomainError and of all that is made of it."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for _path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"DomainError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def test_every_refusal_is_said_in_the_readers_language() -> None:
    said = (refusals() | OF_THE_FRAMEWORK) - {"ReplayError"}

    bare = [
        f"{path.relative_to(APPS)}:{call.lineno}"
        for path, tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).rpartition(".")[2] in said
        and any(isinstance(one, ast.Constant | ast.JoinedStr) for one in call.args[:1])
    ]

    assert bare == [], 'write _("... {name} ...").format(name=name) instead'


def test_every_placeholder_of_a_sentence_is_filled() -> None:
    unfilled = [
        f"{path.relative_to(APPS)}:{call.lineno}"
        for path, tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "format"
        and isinstance(call.func.value, ast.Call)
        and isinstance(sentence := call.func.value.args[0], ast.Constant)
        and None not in (given := {each.arg for each in call.keywords})
        and {name for _, name, *_ in Formatter().parse(sentence.value) if name} - given
    ]

    assert unfilled == []


def test_a_refusal_is_chinese_where_the_page_is(client: Client, alice: User) -> None:
    client.force_login(alice)
    address = reverse("labeling-api:project", args=[0])

    with translation.override("en"):  # or the answer's language stays this thread's
        english = client.get(address)
        chinese = client.get(address, headers={"Accept-Language": "zh-hans"})

    assert english.json() == {"detail": "project not found", "code": "not_found"}
    assert chinese.json() == {"detail": "找不到该项目", "code": "not_found"}
