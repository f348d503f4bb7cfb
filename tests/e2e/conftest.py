"""A real Chromium over real processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    StorageState,
    expect,
    sync_playwright,
)

from tests.e2e.closing import closed_in_time
from tests.e2e.signing import sign_in
from tests.stack import EMAIL, Stack

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SESSION = f"""
import json
from django.test import Client
from apps.accounts.models import User
client = Client()
client.force_login(User.objects.get(email="{EMAIL}"))
print(json.dumps(client.cookies["sessionid"].value))
"""
# A machine that does two things at once shows things later.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Gone after this folder: while its loop turns, Django refuses its database here."""
    path = os.environ.get("CHROMIUM")
    if not path:
        pytest.skip("no Chromium on this machine: ./portal test says why")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        with closed_in_time():
            browser.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of a new visitor that fails its test on any script error."""
    context = browser.new_context(
        base_url=stack.url, viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: _note_policy(message, errors))
    yield page
    with closed_in_time():
        context.close()
    assert errors == []


def _note_policy(message: ConsoleMessage, errors: list[str]) -> None:
    if "Content Security Policy" in message.text:
        errors.append(message.text)


@pytest.fixture(scope="package")
def signed_in(browser: Browser, stack: Stack) -> StorageState:
    """Once for all who share it: a password takes its time on purpose."""
    context = browser.new_context(base_url=stack.url)
    page = context.new_page()
    sign_in(page)
    state = context.storage_state()
    with closed_in_time():
        context.close()
    return state


@pytest.fixture
def admin_page(page: Page, stack: Stack) -> Page:
    """At home, with a session of the test's own."""
    cookie = {"name": "sessionid", "value": str(stack.python(SESSION))}
    page.context.add_cookies([{**cookie, "url": stack.url}])
    page.goto("/")
    return page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            name = "shots" if item.path.name == "test_shots.py" else "e2e"
            item.add_marker(name)
