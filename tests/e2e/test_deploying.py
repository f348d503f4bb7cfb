"""From a model's page through the button to answers, a new version, and back."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from deepseek_vision.synthetic.production_line import write_production_line
from tests.e2e.test_errand import at, boxes, drag, saved
from tests.running import wait_for
from tests.stack import Stack

LONG_MS = 180_000
TAKE = """
import json
from django.utils import timezone
from apps.deployments.services.sampling import take_samples
tonight = timezone.now().replace(hour=23, minute=59)
print(json.dumps(take_samples(endpoint_id=ENDPOINT, now=tonight)))
"""
MODEL = "deepseek_vision_v2"


@pytest.fixture
def _replicas(stack: Stack) -> Iterator[None]:
    stack.start("replicas")
    yield
    stack.kill("replicas", 15)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a person has a picture, and runs what she copied."""
    write_production_line(tmp_path / "line", num_images=1, seed=8)
    picture = next((tmp_path / "line" / "images").iterdir())
    return picture.rename(tmp_path / "part.jpg").parent


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(curl: str, folder: Path) -> Any:
    return json.loads(run(["bash", "-c", curl], folder))


def deploy(page: Page) -> None:
    page.get_by_role("link", name="Models", exact=True).click()
    page.locator(f'a.model-card[href$="/{MODEL}/"]').click()
    page.get_by_role("link", name="Deploy", exact=True).last.click()
    expect(page.locator("#plan")).to_contain_text("1 process on this host")
    page.get_by_label("Replicas").fill("2")
    page.locator("#id_name").fill("line_3")
    expect(page.locator("#plan")).to_contain_text("2 processes on this host")
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.wait_for_url(re.compile(r"/deployments/\d+/"))


def snippets(page: Page) -> dict[str, str]:
    found = page.locator("[data-snippet]")
    return {
        str(one.get_attribute("data-snippet")): str(one.text_content())
        for one in found.all()
    }


def copied(page: Page, name: str) -> str:
    """What the button beside a snippet leaves, pressed by the keyboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f".copying:has([data-snippet={name}]) button").press("Enter")
    expect(page.get_by_text("Copied.")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.usefixtures("_replicas")
def test_a_model_is_deployed_called_replaced_and_returned_to(
    admin_page: Page, stack: Stack, folder: Path
):
    page = admin_page
    with page.expect_websocket(lambda line: "/ws/deployments/" in line.url):
        deploy(page)
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=LONG_MS)
    address, code = page.url, snippets(page)
    assert copied(page, "curl") == code["curl"]

    whole = asked(code["curl"], folder)
    labels = [found["label"] for found in whole["detections"]]
    assert labels
    python = run([sys.executable, "-c", code["python"]], folder)
    assert [line.split()[0] for line in python.splitlines()] == labels
    assert labels[0] in run([sys.executable, "-c", code["tritonclient"]], folder)
    picture = base64.b64encode((folder / "part.jpg").read_bytes()).decode()
    script = f"""async (text) => {{
        const file = new Blob([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))]);
        const asked = (async () => {{ {code["javascript"]}; return detections; }})();
        const late = (_, no) => setTimeout(() => no(Error("not in 60 s")), 60_000);
        return Promise.race([asked, new Promise(late)]); }}"""
    assert page.evaluate(script, picture) == whole["detections"]

    page.locator("#image").set_input_files(folder / "part.jpg")
    expect(page.locator("svg.answer rect")).to_have_count(len(labels))

    keep_doubtful(page)
    asked(code["curl"], folder)
    wait_for(lambda: "1 doubtful" in told_of_pictures(page), 60)
    stack.python(TAKE.replace("ENDPOINT", number_in(address)))
    page.goto(address)
    label_what_was_kept(page)
    page.goto(address)

    page.get_by_label("How").select_option(value="canary")
    expect(page.get_by_label("Percent of the requests")).to_be_visible()
    page.get_by_label("How").select_option(value="switch")
    expect(page.get_by_label("Percent of the requests")).to_be_hidden()
    page.get_by_label("Model").select_option(label=other(page, whole["version"]))
    page.get_by_role("button", name="Bring it").click()
    expect(page.locator("#live")).to_contain_text("(v2)", timeout=LONG_MS)
    expect(page.get_by_role("button", name="Back to")).to_be_visible(timeout=LONG_MS)
    wait_for(lambda: asked(code["curl"], folder)["version"] != whole["version"], 60)

    page.get_by_role("button", name="Back to").click()
    expect(page.locator("#live")).to_contain_text("(v1)", timeout=LONG_MS)
    wait_for(lambda: asked(code["curl"], folder)["version"] == whole["version"], 60)
    assert asked(code["curl"], folder)["detections"] == whole["detections"]
    page.goto("/")
    expect(page.get_by_role("link", name="line_3")).to_contain_text("requests a minute")
    page.goto(address)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete the endpoint").click()
    expect(page.get_by_role("heading", name="No endpoint yet")).to_be_visible()


def keep_doubtful(page: Page) -> None:
    page.get_by_role("link", name="Choose which").click()
    page.get_by_label("Doubtful below a score of").fill("0.95")
    page.get_by_role("button", name="Begin").click()  # nobody agreed: nothing begins
    agreed = page.get_by_label("Those who are seen")
    expect(agreed).to_be_focused()
    agreed.check()
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("Pictures are kept")).to_be_visible()


def told_of_pictures(page: Page) -> str:
    page.reload()
    return page.locator("dl.facts").inner_text()


def label_what_was_kept(page: Page) -> None:
    """The live picture stands in front of the queue, and a box on it is saved."""
    page.get_by_role("link", name="Label the next").click()
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    shown = page.get_by_role("link", name=re.compile("line-3.* unsure"))
    expect(shown).to_have_attribute("aria-current", "page")
    page.keyboard.press("b")
    stage = page.locator("[data-stage]")
    drag(page, at(stage, 0.45, 0.45), at(stage, 0.55, 0.55))
    saved(page)
    assert len(boxes(page)) == 1


def number_in(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def other(page: Page, version: str) -> str:
    names = page.get_by_label("Model").locator("option").all_text_contents()
    return next(name for name in names if version not in name)
