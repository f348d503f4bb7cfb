"""Train the detector on the demo project, lose the worker, find the model."""

import re

import psutil
from playwright.sync_api import Page, expect

from tests.running import wait_for
from tests.stack import Stack

LONG_MS = 600_000
LABEL = "from tests.labeled import label_demo; print(label_demo().pk)"


def fill_in(page: Page, project: object) -> None:
    """A run as small as it can be and still be cut off in the middle."""
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("link", name="New run").first.click()
    page.locator("#id_name").fill("Parts")
    page.get_by_label("Data", exact=True).select_option(f"now-{project}")
    page.get_by_label("Begin with").select_option("")
    page.get_by_text("Edge", exact=True).click()
    page.get_by_text("Advanced").click()
    for label, value in (
        ("Steps", "120"),
        ("Images a step", "2"),
        ("Image side, pixels", "96"),
        ("Steps between evaluations", "40"),
    ):
        page.get_by_label(label, exact=True).fill(value)
    expect(page.locator("#estimate")).to_contain_text("120 steps")


def points(page: Page, chart: str) -> int:
    """How many rows the numbers behind a chart have."""
    return page.locator(f"#chart-{chart} tbody tr").count()


def test_a_run_survives_its_worker_and_becomes_a_model(admin_page: Page, stack: Stack):
    project = stack.python(LABEL)
    page = admin_page
    fill_in(page, project)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/training/runs/\d+/"))
    address = page.url
    run = page.request.get(f"/api/v1/training/runs/{address.split('/')[-2]}/")
    assert run.ok

    status = page.locator("[data-job-status]")
    expect(status).to_have_attribute("data-status", "running", timeout=LONG_MS)
    expect(page.locator("#chart-loss [data-chart=plot] path").first).to_be_attached(
        timeout=LONG_MS
    )

    page.goto("/")  # the tab is closed
    stack.kill("worker")
    wait_for(lambda: processes_of(run.json()["job_id"]) == [], 30)
    stack.start("worker")

    page.goto(address)
    expect(page.get_by_text("It is in Models as")).to_be_visible(timeout=LONG_MS)
    done = page.request.get(f"/api/v1/training/runs/{address.split('/')[-2]}/").json()
    assert (done["status"], done["num_done"]) == ("done", 120)
    assert done["best"]["AP"] >= 0
    curves = page.request.get(
        f"/api/v1/training/runs/{address.split('/')[-2]}/curves/"
    ).json()
    steps = {row["name"]: row["steps"] for row in curves}
    assert steps["loss"] == [20, 40, 60, 80, 100, 120]
    assert steps["val/AP"] == [40, 80, 120]
    expect(page.locator("#run-samples img").first).to_be_visible()

    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.get_by_role("heading", name="demo/Parts")).to_be_visible()


def processes_of(job_id: str) -> list[int]:
    """What works in a job's folder."""
    running = psutil.process_iter(["cmdline"])
    return [one.pid for one in running if job_id in " ".join(one.info["cmdline"] or [])]
