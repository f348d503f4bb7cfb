"""Frames of the editor over crowds of shapes, in headless Chromium that draws in software."""

import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from PIL import Image, ImageFilter
from playwright.sync_api import CDPSession, Page, sync_playwright

from dsportal.services import browser
from dsportal.services.environment import Environment
from tests.bench.rows import Row
from tests.running import free_port

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "static" / "test" / "harness" / "server.mjs"
FLAGS = ["--no-sandbox", "--disable-background-networking"]
# The harness's own: how many shapes, at which number, and the goal of a frame.
CROWDS = {
    "10,000 boxes": (99, 16.7),
    "5,000 polygons of 20 points": (98, 16.7),
    "100 masks of the whole image": (97, 33.4),
}
FRAME_MS = 0.1  # what a display's clock rounds a frame of 16.7 ms by
NUM_MOVES = 120
# Ten minutes' worth, at three gestures a second.
NUM_GESTURES = 1800

# The first frame after the shapes are there, by the page's own clock.
OPENED = """
new MutationObserver((_, watch) => {
  const editor = document.querySelector("#editor");
  if (!editor || editor.hasAttribute("data-loading")) return;
  watch.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.openedAt = performance.now(); }));
}).observe(document, {subtree: true, childList: true, attributes: true});
"""
OPENED_AT = """async () => {
  while (!window.openedAt) await new Promise(requestAnimationFrame);
  return window.openedAt;
}"""
START = """() => {
  window.benchFrames = []; window.benchOn = true;
  let last = performance.now();
  const tick = (now) => {
    window.benchFrames.push(now - last); last = now;
    if (window.benchOn) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
STOP = "() => { window.benchOn = false; return window.benchFrames.slice(2); }"
# From a key that moves a shape to the frame that shows it.
EDIT = """() => new Promise((resolve) => {
  const began = performance.now();
  const key = {key: "ArrowRight", bubbles: true};
  document.querySelector("[data-stage]").dispatchEvent(new KeyboardEvent("keydown", key));
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
})"""

NUDGE = """async (times) => {
  for (let turn = 0; turn < times; turn++) {
    const key = {key: turn % 2 ? "ArrowLeft" : "ArrowRight", bubbles: true};
    document.querySelector("[data-stage]").dispatchEvent(new KeyboardEvent("keydown", key));
    await new Promise(requestAnimationFrame);
  }
}"""


def measure() -> Iterator[Row]:
    with harness() as address, sync_playwright() as playwright:
        chromium = browser.find(Environment(ROOT))
        assert chromium is not None, "no Chromium: ./portal setup --tests gets one"
        opened = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        for what, (number, goal) in CROWDS.items():
            page = opened.new_page(viewport={"width": 1440, "height": 900})
            yield from _crowd(page, f"{address}/labeling/images/{number}/", what, goal)
            page.close()
        page = opened.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/labeling/images/99/")
        yield _heap(page)
        opened.close()


@contextmanager
def harness() -> Iterator[str]:
    """Serve the real page over an API in memory, with crowds of shapes."""
    with tempfile.TemporaryDirectory(prefix="bench-editor-") as name:
        _photograph(Path(name))
        node = shutil.which("node") or str(Environment(ROOT).bin / "node")
        port = free_port()
        server = subprocess.Popen(
            [node, str(HARNESS), str(port), f"{name}/images"],
            env={**os.environ, "HARNESS_BOXES": "10000"},
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_it_answers(address)
            yield address
        finally:
            server.terminate()
            server.wait(10)


def _wait_until_it_answers(address: str) -> None:
    for _ in range(100):
        with suppress(httpx.TransportError):
            httpx.get(f"{address}/_none/", timeout=10)
            return
        time.sleep(0.1)
    raise AssertionError("the harness does not answer")


def _photograph(folder: Path) -> None:
    rng = random.Random(7)
    (folder / "images").mkdir()
    small = Image.new("RGB", (160, 120))
    small.putdata(
        [tuple(rng.randrange(256) for _ in range(3)) for _ in range(160 * 120)]
    )
    large = small.resize((1600, 1200)).filter(ImageFilter.GaussianBlur(3))
    large.save(folder / "images" / "crowd.jpg", quality=85)
    truth = {"images": [], "annotations": [], "categories": []}
    (folder / "annotations.json").write_text(json.dumps(truth))


def _crowd(page: Page, url: str, what: str, goal: float) -> Iterator[Row]:
    page.set_default_timeout(120_000)
    httpx.get(url, timeout=60).raise_for_status()  # the harness renders it but once
    page.add_init_script(OPENED)
    page.goto(url)
    page.wait_for_selector("#editor:not([data-loading])")
    opened = page.evaluate(OPENED_AT)
    yield Row(what=f"{what}: open", value=opened, unit="ms", goal=1000)
    page.keyboard.press("v")
    page.mouse.move(560, 420)
    page.wait_for_timeout(500)
    for name, act in {
        "move one": lambda: _glide(page),
        "pan": lambda: _glide(page, key=" "),
        "zoom": lambda: _wheel(page),
    }.items():
        frame = _p95(_frames(page, act))
        yield Row(
            what=f"{what}: {name}, p95 frame",
            value=frame,
            unit="ms",
            goal=goal + FRAME_MS,
        )
    page.mouse.click(560, 420)
    edits = [page.evaluate(EDIT) for _ in range(20)]
    yield Row(what=f"{what}: an edit, p95", value=_p95(edits), unit="ms", goal=50)


def _frames(page: Page, act: Callable[[], None]) -> list[float]:
    page.evaluate(START)
    act()
    frames: list[float] = page.evaluate(STOP)
    return frames


def _glide(page: Page, *, key: str | None = None) -> None:
    if key:
        page.keyboard.down(key)
    page.mouse.down()
    for step in range(NUM_MOVES):
        page.mouse.move(560 + step, 420 + step % 40)
    page.mouse.up()
    if key:
        page.keyboard.up(key)


def _wheel(page: Page) -> None:
    for step in range(NUM_MOVES):
        page.mouse.wheel(0, -60 if step < NUM_MOVES / 2 else 60)


def _heap(page: Page) -> Row:
    """What a long while of moving and undoing leaves behind."""
    page.wait_for_selector("#editor:not([data-loading])")
    client = page.context.new_cdp_session(page)
    page.mouse.click(560, 420)
    _nudge(page, 200)  # what the first strokes allocate once
    before = _used(client)
    _nudge(page, NUM_GESTURES)
    growth = 100 * (_used(client) / before - 1)
    what = f"10,000 boxes: heap growth over {NUM_GESTURES:,} gestures"
    return Row(what=what, value=growth, unit="%", goal=10)


def _nudge(page: Page, times: int) -> None:
    page.evaluate(NUDGE, times)
    page.wait_for_selector("[data-saved][data-state=saved]")


def _used(client: CDPSession) -> float:
    client.send("HeapProfiler.collectGarbage")
    used: float = client.send("Runtime.getHeapUsage")["usedSize"]
    return used


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]
