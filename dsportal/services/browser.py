"""Finds or fetches the Chromium that the browser tests drive."""

import os
import shutil
import sys
from pathlib import Path

from dsportal.services.environment import Environment
from dsportal.services.steps import output_of, say, step, succeeds

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def ensure(environment: Environment) -> None:
    """Have a Chromium, or say once that the browser tests will be skipped."""
    if find(environment):
        return
    for name, fetch in (
        ("Chromium (apt-get)", _from_apt),
        ("Chromium (playwright)", _from_playwright),
    ):
        with step(name):
            is_tried = fetch(environment)
        if is_tried and find(environment):
            return
    say("  no Chromium could be had: the browser tests will be skipped")


def find(environment: Environment) -> Path | None:
    """Look where $CHROMIUM says, on the PATH, then among playwright's browsers."""
    given = os.environ.get("CHROMIUM")
    on_path = [found for name in NAMES if (found := shutil.which(name))]
    fetched = sorted(_playwright_folder(environment).glob("chromium-*/chrome-*/chrome"))
    for candidate in [given, *on_path, *MAC_APPS, *fetched]:
        if candidate and output_of([candidate, "--version"]):
            return Path(candidate)
    return None


def _playwright_folder(environment: Environment) -> Path:
    return environment.root / ".playwright"


def _from_apt(_environment: Environment) -> bool:
    can_install = (
        sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get")
    )
    if not can_install:
        return False
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    return succeeds(["apt-get", "update"], env=quiet) and succeeds(install, env=quiet)


def _from_playwright(environment: Environment) -> bool:
    command = [str(environment.python), "-m", "playwright", "install", "chromium"]
    folder = str(_playwright_folder(environment))
    return succeeds(command, env={"PLAYWRIGHT_BROWSERS_PATH": folder})
