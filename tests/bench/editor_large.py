"""An image of 20,000 x 20,000 pixels: uploaded, cut into tiles, opened, panned, zoomed."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import BrowserContext, Page

from tests.bench.editor import FRAME_MS, START, STOP
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.killing import browsing
from tests.large import write_large
from tests.running import Running

NUM_OPENINGS, NUM_MOVES, CUT_S = 5, 120, 300
# Until the middle of the stage has the colour of the middle of the image, from a tile.
SEEN = """() => {
  const canvas = document.querySelector("canvas[data-layer=image]");
  if (!canvas || document.querySelector("#editor[data-loading]")) return false;
  const tiles = performance.getEntriesByType("resource")
    .filter(({ name, responseEnd }) => /tiles.\\d/.test(name) && responseEnd > 0);
  const [x, y] = [canvas.width >> 1, canvas.height >> 1];
  const [red, green] = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
  return tiles.length > 4 && Math.abs(red - 127) < 4 && Math.abs(green - 127) < 4;
}"""


def measure() -> Iterator[Row]:
    with (
        signed_in() as (running, client),
        tempfile.TemporaryDirectory(prefix="large-") as folder,
    ):
        path = Path(folder) / "large.jpg"
        write_large(path)
        client.timeout = httpx.Timeout(300)
        began = time.monotonic()
        with path.open("rb") as file:
            made = client.post(
                "/api/v1/labeling/projects/1/images/", files={"file": file}
            )
        made.raise_for_status()
        yield Row(
            what="upload, with its thumbnail", value=time.monotonic() - began, unit="s"
        )
        image_id = made.json()["id"]
        with _peak_of(running) as peak:
            _wait_until_cut(client, image_id)
        yield Row(
            what="then cut into 2,139 tiles, seconds since the upload began",
            value=time.monotonic() - began,
            unit="s",
        )
        yield Row(
            what="most memory of the process that cuts",
            value=max(peak, default=0) / 2**20,
            unit="MB",
        )
        with browsing(running, client) as context:
            yield from _seen(context, f"/labeling/images/{image_id}/")


def _wait_until_cut(client: httpx.Client, image_id: int) -> None:
    end = time.monotonic() + CUT_S
    while time.monotonic() < end:
        told = client.get(f"/api/v1/labeling/images/{image_id}/tiles/").json()
        if told["state"] == "ready":
            return
        assert told["state"] == "cutting", told
        time.sleep(0.1)
    raise AssertionError("the tiles were not cut in time")


@contextmanager
def _peak_of(running: Running) -> Iterator[list[int]]:
    """Bytes of memory of the child that cuts, sampled while it lives."""
    peak: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            for process in running.processes():
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    if any(part.endswith("tiles.py") for part in process.cmdline()):
                        peak.append(process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    yield peak
    is_over.set()
    thread.join()


def _seen(context: BrowserContext, url: str) -> Iterator[Row]:
    page = context.pages[0] if context.pages else context.new_page()
    page.set_default_timeout(120_000)
    opened = []
    for _ in range(NUM_OPENINGS):
        page.goto("about:blank")
        began = time.monotonic()
        page.goto(url)
        page.wait_for_function(SEEN)
        opened.append(time.monotonic() - began)
    yield Row(
        what="open until the tiles in sight are drawn, median",
        value=sorted(opened)[len(opened) // 2],
        unit="s",
        goal=2,
    )
    page.wait_for_timeout(1000)
    before = _browser_bytes()
    for what, act in {"pan": _pan, "zoom": _zoom}.items():
        page.evaluate(START)
        act(page)
        frames: list[float] = page.evaluate(STOP)
        frames.sort()
        yield Row(
            what=f"{what} over it, p95 frame",
            value=frames[int(0.95 * len(frames))],
            unit="ms",
            goal=16.7 + FRAME_MS,
        )
    for _ in range(12):
        _pan(page)
    yield Row(
        what="what the browser's processes grew by after a walk all over it",
        value=(_browser_bytes() - before) / 2**20,
        unit="MB",
    )


def _pan(page: Page) -> None:
    page.mouse.move(1000, 700)
    page.keyboard.down(" ")
    page.mouse.down()
    for step in range(NUM_MOVES):
        page.mouse.move(1000 - 6 * step, 700 - 4 * step)
    page.mouse.up()
    page.keyboard.up(" ")


def _zoom(page: Page) -> None:
    page.mouse.move(700, 450)
    for step in range(NUM_MOVES):
        page.mouse.wheel(0, -80 if step < NUM_MOVES * 0.7 else 60)


def _browser_bytes() -> int:
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if "chrom" in process.name():
                total += process.memory_full_info().pss
    return total
