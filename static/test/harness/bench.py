"""Time the editor's frames over a crowded image: drag, pan, zoom, draw.

Start the harness with HARNESS_BOXES=10000, then: python static/test/harness/bench.py URL
"""

import argparse
import sys

from playwright.sync_api import Page, sync_playwright

START = """() => {
  const frames = []; let last = performance.now(); window.benchFrames = frames;
  window.benchOn = true;
  const tick = (now) => {
    frames.push(now - last); last = now;
    if (window.benchOn) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
STOP = "() => { window.benchOn = false; return window.benchFrames.slice(2); }"
NUM_MOVES = 120


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def timed(page: Page, name: str, act) -> None:
    page.evaluate(START)
    act()
    frames = page.evaluate(STOP)
    row = [percentile(frames, share) for share in (0.5, 0.95, 0.99)]
    cells = " | ".join(f"{value:.1f}" for value in row)
    sys.stdout.write(f"| {name} | {len(frames)} | {cells} |\n")


def glide(page: Page, *, key: str | None = None) -> None:
    if key:
        page.keyboard.down(key)
    page.mouse.down()
    for step in range(NUM_MOVES):
        page.mouse.move(560 + step, 420 + step % 40)
    page.mouse.up()
    if key:
        page.keyboard.up(key)


def wheel(page: Page) -> None:
    for step in range(NUM_MOVES):
        page.mouse.wheel(0, -60 if step < NUM_MOVES / 2 else 60)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(options.url)
        page.wait_for_selector("#editor:not([data-loading])")
        opened = page.evaluate("performance.now()")
        sys.stdout.write(f"open: {opened:.0f} ms\n\n")
        sys.stdout.write("| action | frames | p50 ms | p95 ms | p99 ms |\n")
        sys.stdout.write("|---|---|---|---|---|\n")
        page.mouse.move(560, 420)
        timed(page, "idle", lambda: page.wait_for_timeout(1000))
        timed(page, "draw a box", lambda: glide(page))
        page.keyboard.press("v")
        page.mouse.move(560, 420)
        timed(page, "move a box", lambda: glide(page))
        timed(page, "pan", lambda: glide(page, key=" "))
        timed(page, "zoom", lambda: wheel(page))
        for _ in range(6):
            page.mouse.wheel(0, -300)
        timed(page, "pan, zoomed in", lambda: glide(page, key=" "))
        browser.close()


if __name__ == "__main__":
    main()
