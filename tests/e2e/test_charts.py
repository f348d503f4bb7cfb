"""A chart in a real browser: read by keyboard, grown by a script, taken away as files."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.stack import Stack

NUM_POINTS = 100_000
GROW = """async num => {
  const chart = document.querySelector("chart-figure");
  const xs = Array.from({length: num}, (_, at) => at);
  chart.show({title: "Loss", kind: "line", x: {label: "Step"}, y: {label: "Loss"},
              series: []});
  chart.pushAll("train", xs, xs.map(at => 1 / (1 + at)));
  chart.push("val", num - 1, 0.5);
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


@pytest.fixture
def chart(admin_page: Page, stack: Stack) -> Locator:
    """Home's own chart, of the one image that was submitted: today."""
    stack.python(
        "from django.utils import timezone; from apps.labeling.models import Image;"
        "Image.objects.update(submitted_at=None);"
        "image = Image.objects.earliest('pk'); image.submitted_at = timezone.now();"
        "image.save(update_fields=['submitted_at']); print('[]')"
    )
    admin_page.goto("/")
    return admin_page.locator("chart-figure")


def test_a_chart_is_read_by_keyboard_and_as_a_table(chart: Locator):
    slider = chart.get_by_role("slider")
    slider.focus()
    chart.page.keyboard.press("End")
    last = slider.get_attribute("aria-valuetext") or ""
    chart.page.keyboard.press("ArrowLeft")

    assert last.endswith(": Images 1")
    assert (slider.get_attribute("aria-valuetext") or "").endswith(": Images 0")
    expect(chart.locator(".chart-readout")).to_be_visible()

    chart.get_by_text("Show the numbers").click()
    expect(chart.get_by_role("row")).to_have_count(15)


def test_a_chart_grows_to_many_points_and_gives_all_of_them(chart: Locator):
    page = chart.page
    page.evaluate(GROW, NUM_POINTS)

    path = chart.locator("svg svg path.line").first.get_attribute("d") or ""
    width = chart.locator(".chart-plot").evaluate("plot => plot.clientWidth")
    assert path.count("L") <= 4 * width
    expect(chart.get_by_role("button", name="val")).to_be_visible()

    with page.expect_download() as download:
        chart.get_by_role("button", name="as CSV").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == NUM_POINTS + 1
    assert lines[-1] == f"{NUM_POINTS - 1},0.00001,0.5"

    with page.expect_download() as download:
        chart.get_by_role("button", name="as a PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    assert download.value.suggested_filename == "Loss.png"
