"""Somebody draws in the editor's real page while its tab, web or database is killed."""

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from dsportal.services import browser
from dsportal.services.environment import Environment
from tests.e2e.closing import closed_in_time
from tests.running import ROOT, Running, wait_for

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PARTS = {"web": ("web", "web-2"), "database": ("postgres",)}
VICTIMS = ("tab", *PARTS)
# Boxes on a grid, so that each is known by its place; sizes in pixels of the page.
CELL, SIDE, COLUMNS, ROWS = 16, 9, 42, 32
SAME_PX = 0.75
# A kill comes so long after the last one is overcome: in the middle of some gesture.
WAIT_S = (0.3, 2.5)
PATIENCE_S = 120.0

Bbox = tuple[float, ...]


@dataclass(slots=True)
class Drawn:
    """An object by the script's own log; None is an object that is not there.

    Attributes:
        sure: What the last gesture that the page had taken made of it.
        maybe: What it may be instead, where the tab died within a gesture.
        at: When that gesture was over, by the monotonic clock.
    """

    place: Bbox
    sure: Bbox | None
    maybe: list[Bbox | None] = field(default_factory=list)
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a run.

    Attributes:
        lost: Objects that are not what the last gesture made of them.
        doubled: Objects that nobody drew, and operations that were applied twice.
    """

    num_kills: dict[str, int]
    num_gestures: int
    num_cut_off: int
    lost: list[str]
    doubled: list[object]


class Killer(threading.Thread):
    """Kills one part after another, each at a random moment while somebody draws."""

    def __init__(self, running: Running, victims: Sequence[str], seed: int) -> None:
        super().__init__(daemon=True)
        self._running, self._victims = running, victims
        self._rng = random.Random(f"killer {seed}")
        self.kills: list[tuple[float, str]] = []
        self.num_overcome = 0
        self.tab_is_back = threading.Event()
        self.tab_is_killed = threading.Event()

    def run(self) -> None:
        for victim in self._victims:
            time.sleep(self._rng.uniform(*WAIT_S))
            self.kills.append((time.monotonic(), victim))
            if victim == "tab":
                self._kill_tab()
            else:
                self._kill_parts(PARTS[victim])
            self.num_overcome += 1

    def _kill_tab(self) -> None:
        self.tab_is_back.clear()
        tabs: list[psutil.Process] = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "--type=renderer" in process.cmdline():
                    tabs.append(process)
        self.tab_is_killed.set()
        for tab in tabs:
            with suppress(psutil.NoSuchProcess):
                tab.kill()
        assert self.tab_is_back.wait(PATIENCE_S), "the tab did not come back"

    def _kill_parts(self, names: Sequence[str]) -> None:
        before = {name: self._pid(name) for name in names}
        for pid in before.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for name, pid in before.items():
            wait_for(
                lambda name=name, pid=pid: self._pid(name) not in (0, pid), PATIENCE_S
            )
        wait_for(self._running.answers, PATIENCE_S)

    def _pid(self, name: str) -> int:
        record = self._running.record(name)
        return record.pid if record and record.process else 0


class Painter:
    """Somebody who draws boxes, moves, deletes and takes back, and notes each gesture."""

    def __init__(
        self,
        context: BrowserContext,
        path: str,
        seed: int,
        *,
        tab_is_killed: threading.Event,
    ) -> None:
        self._context, self._path = context, path
        self._tab_is_killed = tab_is_killed
        self._rng = random.Random(f"painter {seed}")
        self._corner, self._scale, self._origin = (0.0, 0.0), 1.0, (0.0, 0.0)
        self.log: list[Drawn] = []
        self.num_gestures = self.num_cut_off = 0
        self.page = self._open()

    def measure(self, client: httpx.Client) -> None:
        """Learn where a place on the page lies in the image, by two boxes."""
        box = self.page.locator("[data-stage]").bounding_box()
        assert box is not None
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self._corner = (
            middle[0] - COLUMNS * CELL / 2,
            middle[1] - ROWS * CELL / 2,
        )
        for cell in (0, COLUMNS * ROWS - 1):
            self._drag(cell)
        self.saved()
        first, last = sorted(row["bbox"] for row in document(client, self._path))
        self._scale = (last[0] - first[0]) / ((COLUMNS - 1) * CELL)
        self._origin = (first[0], first[1])
        self.log = [Drawn(tuple(row), tuple(row)) for row in (first, last)]
        self.num_gestures = 2

    def paint(self, cell: int) -> None:
        """One box, and now and then more of it."""
        drawn = Drawn(self._place(cell), None)
        self.log.append(drawn)
        if not self._do(drawn, drawn.place, lambda: self._drag(cell)):
            return
        chance = self._rng.random()
        if chance < 0.3:
            x1, y1, x2, y2 = drawn.place
            moved = (x1 + 1, y1, x2 + 1, y2)
            self._do(drawn, moved, lambda: self.page.keyboard.press("ArrowRight"))
        elif chance < 0.4:
            self._do(drawn, None, lambda: self.page.keyboard.press("Delete"))
        elif chance < 0.5:
            self._do(drawn, None, lambda: self.page.keyboard.press("Control+z"))

    def saved(self) -> None:
        self.page.wait_for_selector(
            "[data-saved][data-state=saved]", timeout=PATIENCE_S * 1000
        )

    def come_back(self) -> None:
        """Open the page again in a new tab, as soon as the portal serves it."""
        with suppress(Error):
            self.page.close()
        self.page = self._open()

    def _do(self, drawn: Drawn, becomes: Bbox | None, act: Any) -> bool:
        """Make a gesture; false where the tab died within it.

        The browser answers for what a dead tab had not taken yet: a gesture that ends
        after the tab was killed may be there or not, too.
        """
        time.sleep(self._rng.uniform(0, 0.15))
        is_cut_off = False
        try:
            act()
        except Error:
            is_cut_off = True
        if is_cut_off or self._tab_is_killed.is_set():
            drawn.maybe.append(becomes)
            self.num_cut_off += 1
            return False
        drawn.sure, drawn.at = becomes, time.monotonic()
        self.num_gestures += 1
        return True

    def _drag(self, cell: int) -> None:
        x, y = self._at(cell)
        # What is selected has corners to grab just where the next box begins.
        for key in ("Escape", "b"):
            self.page.keyboard.press(key)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + SIDE, y + SIDE, steps=2)
        self.page.mouse.up()

    def _at(self, cell: int) -> tuple[float, float]:
        down, across = divmod(cell, COLUMNS)
        return self._corner[0] + across * CELL, self._corner[1] + down * CELL

    def _place(self, cell: int) -> Bbox:
        down, across = divmod(cell, COLUMNS)
        x = self._origin[0] + across * CELL * self._scale
        y = self._origin[1] + down * CELL * self._scale
        return (x, y, x + SIDE * self._scale, y + SIDE * self._scale)

    def _open(self) -> Page:
        end = time.monotonic() + PATIENCE_S
        while True:
            page = self._context.new_page()
            try:
                answer = page.goto(self._path, timeout=20_000)
                if answer is not None and answer.ok:
                    ready = "#editor:not([data-loading])"
                    page.wait_for_selector(ready, timeout=20_000)
                    return page
            except Error:
                if time.monotonic() > end:
                    raise
            page.close()
            time.sleep(0.3)


def draw_through(
    running: Running, client: httpx.Client, victims: Sequence[str], *, seed: int
) -> Verdict:
    """Draw while all of ``victims`` are killed, and look at what is left of it."""
    image_id = _empty_image(client)
    path = f"/labeling/images/{image_id}/"
    with browsing(running, client) as context:
        killer = Killer(running, victims, seed)
        painter = Painter(context, path, seed, tab_is_killed=killer.tab_is_killed)
        painter.measure(client)
        cells = iter(range(1, COLUMNS * ROWS - 1))
        killer.start()
        while killer.is_alive():
            painter.paint(next(cells))
            if _is_dead(painter.page):
                painter.come_back()
                killer.tab_is_killed.clear()
                killer.tab_is_back.set()
        painter.saved()
    assert killer.num_overcome == len(victims), "a part did not come back"
    lost, strange = _compare(painter.log, document(client, path))
    return Verdict(
        num_kills={one: list(victims).count(one) for one in VICTIMS},
        num_gestures=painter.num_gestures,
        num_cut_off=painter.num_cut_off,
        lost=[_told(drawn, killer.kills) for drawn in lost],
        doubled=[*strange, *_repeated(client, image_id)],
    )


def document(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1{path}document/")
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()["annotations"]
    return rows


def _empty_image(client: httpx.Client) -> int:
    """The last image of the demo project, without anything on it."""
    found = client.get("/api/v1/labeling/projects/1/images/").json()["results"]
    image_id: int = found[-1]["id"]
    read = client.get(f"/api/v1/labeling/images/{image_id}/document/").json()
    gone = [{"op": "remove", "id": row["id"]} for row in read["annotations"]]
    if gone:
        client.post(
            f"/api/v1/labeling/images/{image_id}/operations/",
            json={"operations": gone},
            headers={"If-Match": f'"{read["revision"]}"'},
        ).raise_for_status()
    return image_id


@contextmanager
def browsing(running: Running, client: httpx.Client) -> Iterator[BrowserContext]:
    """A browser that keeps what pages keep, signed in as the client is."""
    chromium = browser.find(Environment(ROOT))
    assert chromium is not None, "no Chromium: ./portal setup --tests gets one"
    address = running.state.address.rstrip("/")
    with (
        tempfile.TemporaryDirectory(prefix="dsp-profile-") as profile,
        sync_playwright() as playwright,
    ):
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=str(chromium),
            args=FLAGS,
            base_url=address,
            viewport={"width": 1440, "height": 900},
        )
        context.add_cookies(
            [
                {"name": name, "value": value, "url": address}
                for name, value in client.cookies.items()
            ]
        )
        yield context
        with closed_in_time():
            context.close()


def _is_dead(page: Page) -> bool:
    try:
        page.evaluate("1")
    except Error:
        return True
    return False


def _compare(
    log: Sequence[Drawn], rows: Sequence[dict[str, Any]]
) -> tuple[list[Drawn], list[object]]:
    """What is not as it was logged, and what nobody logged."""
    left: list[Bbox] = [tuple(row["bbox"]) for row in rows]
    lost = []
    for drawn in log:
        near = next((one for one in left if _is_same(one, drawn.place, 2)), None)
        may_be = [drawn.sure, *drawn.maybe]
        if near is not None:
            left.remove(near)
        if not any(_is_same(near, wanted, SAME_PX) for wanted in may_be):
            lost.append(drawn)
    return lost, [*left]


def _told(drawn: Drawn, kills: Sequence[tuple[float, str]]) -> str:
    """What was lost, and which kill came next to the gesture."""
    at, victim = min(kills, key=lambda kill: abs(kill[0] - drawn.at))
    return f"{drawn}, {1000 * (at - drawn.at):.0f} ms before a kill of the {victim}"


def _is_same(one: Bbox | None, other: Bbox | None, most_px: float) -> bool:
    if one is None or other is None:
        return one is other
    return all(abs(a - b) < most_px for a, b in zip(one, other, strict=True))


def _repeated(client: httpx.Client, image_id: int) -> list[object]:
    """Operations that the log of the image holds twice in a row for an object."""
    rows: list[dict[str, Any]] = []
    url: str | None = f"/api/v1/labeling/images/{image_id}/history/"
    while url:
        page = client.get(url).json()
        rows.extend(page["results"])
        url = page["next"]
    last: dict[str, object] = {}
    repeated: list[object] = []
    for row in reversed(rows):
        for operation in row["operations"]:
            uid = operation.get("id") or operation["shape"]["id"]
            if last.get(uid) == operation:
                repeated.append(operation)
            last[uid] = operation
    return repeated
