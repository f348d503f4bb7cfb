"""Makes .venv and fills it; needs only a Python that has just been installed."""

import hashlib
import shlex
import shutil
import sys
import venv
from functools import cached_property
from pathlib import Path

from dsportal.services.steps import StepError, output_of, run, say, step, succeeds

TORCH = "torch==2.13.0"
RUN_FILE = "requirements.txt"
TEST_FILE = "requirements-test.txt"
ASK_AGAIN = "run the same command again; it goes on where it stopped"


class Environment:
    """The .venv of one checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.bin = self.folder / "bin"
        self.python = self.bin / "python"
        self._half_done = self.folder / ".half-done"
        self._build = self.folder / ".torch-build"

    def ensure(self, *, tests: bool, gpu: bool) -> None:
        """Install what is missing; costs a few file reads when nothing is.

        ``gpu`` takes PyTorch's default build; it is remembered, so that a later start
        without the flag does not swap it back.
        """
        build = "default" if gpu else self._remembered_build()
        if self._is_current(tests=tests, build=build):
            return
        say("Installing into .venv")
        self._make()
        self._half_done.touch()
        with step("uv"):
            self._install_uv()
        with step(f"PyTorch ({'as published' if gpu else 'CPU'})"):
            self._install_torch(build)
        with step("Python packages"):
            self._install(tests=tests)
        self._build.write_text(build)
        for tests_too in {False, tests}:
            self._stamp(tests=tests_too).write_text(self._wanted(tests_too, build))
        self._half_done.unlink()

    def add(self, requirement: str, *, name: str) -> None:
        """Install one more package for the step called ``name``."""
        self._uv(requirement, name=name)

    @property
    def certificates(self) -> str:
        """The file of trusted certificates that pip was given, or nothing."""
        return self._pip_settings.get("cert", "")

    def _remembered_build(self) -> str:
        return self._build.read_text() if self._build.exists() else "cpu"

    def _stamp(self, *, tests: bool) -> Path:
        return self.folder / f".installed-{'test' if tests else 'run'}"

    def _wanted(self, tests: bool, build: str) -> str:  # noqa: FBT001 -- a key
        """Everything that decides what is installed; a moved checkout counts too."""
        digest = hashlib.sha256()
        for name in (TEST_FILE if tests else RUN_FILE, "pyproject.toml"):
            digest.update((self.root / name).read_bytes())
        digest.update(f"{TORCH} {build} {self.root} {sys.version}".encode())
        return digest.hexdigest()

    def _is_current(self, *, tests: bool, build: str) -> bool:
        stamp = self._stamp(tests=tests)
        return (
            stamp.exists()
            and not self._half_done.exists()
            and stamp.read_text() == self._wanted(tests, build)
        )

    def _make(self) -> None:
        """A killed installation may leave half a package, so it starts afresh."""
        is_sound = not self._half_done.exists() and succeeds(
            [self.python, "-m", "pip", "--version"]
        )
        if is_sound:
            return
        with step("virtual environment"):
            shutil.rmtree(self.folder, ignore_errors=True)
            venv.create(self.folder)
            self._half_done.touch()
            run(
                [self.python, "-m", "ensurepip", "--default-pip"],
                name="virtual environment",
                fix="Python's venv module is incomplete: on Debian and Ubuntu "
                "`apt-get install python3-venv`, elsewhere reinstall Python",
            )

    def _install_uv(self) -> None:
        if (self.bin / "uv").exists():
            return
        run(
            [self.python, "-m", "pip", "install", "--quiet", "uv"],
            name="uv",
            fix=ASK_AGAIN,
        )

    def _install_torch(self, build: str) -> None:
        """The CPU build is looked for beside pip's own packages, then at PyTorch's."""
        if build == "cpu":
            links = self._links()
            local = ["--no-index", *links, "--no-deps", TORCH]
            if links and self._uv_succeeds(*local):
                return
            if self._uv_succeeds("--torch-backend", "cpu", TORCH):
                return
            raise StepError(
                "PyTorch (CPU)",
                "its CPU build is not within reach",
                fix=f"check the network and {ASK_AGAIN}; or set PIP_FIND_LINKS to a folder "
                f"that holds {TORCH}+cpu; or take the published build, which may "
                "bring gigabytes of CUDA: ./portal up --gpu",
            )
        self._uv(*self._links(), TORCH, name="PyTorch")

    def _install(self, *, tests: bool) -> None:
        requirements = self.root / (TEST_FILE if tests else RUN_FILE)
        self._uv(*self._links(), "-r", requirements, name="Python packages")
        self._uv("--no-deps", "--editable", self.root, name="Python packages")

    def _uv_command(self, arguments: tuple[str | Path, ...]) -> list[str | Path]:
        install: list[str | Path] = [
            "pip",
            "install",
            "--quiet",
            "--python",
            self.python,
        ]
        return [self.bin / "uv", *install, *arguments]

    def _uv(self, *arguments: str | Path, name: str) -> None:
        command = self._uv_command(arguments)
        run(command, name=name, fix=ASK_AGAIN, env=self._uv_settings)

    def _uv_succeeds(self, *arguments: str | Path) -> bool:
        return succeeds(self._uv_command(arguments), env=self._uv_settings)

    def _links(self) -> list[str]:
        links = self._pip_settings.get("find-links", "").split()
        return [part for link in links for part in ("--find-links", link)]

    @cached_property
    def _pip_settings(self) -> dict[str, str]:
        """What pip is configured with, by name; uv does not look at it."""
        listed = output_of([self.python, "-m", "pip", "config", "list"])
        settings = {}
        for line in listed.splitlines():
            key, _, value = line.partition("=")
            settings[key.rpartition(".")[2]] = " ".join(shlex.split(value))
        return settings

    @cached_property
    def _uv_settings(self) -> dict[str, str]:
        names = {"cert": "SSL_CERT_FILE", "index-url": "UV_DEFAULT_INDEX"}
        return {
            names[key]: value
            for key, value in self._pip_settings.items()
            if key in names and value
        }
