"""Whatever a diagnostic tool finds leads somewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import deepseek_diagnostics.tools

TOOLS = Path(deepseek_diagnostics.tools.__file__).parent


def findings() -> Iterator[tuple[str, dict[str, str]]]:
    """Where each finding is made, and its arguments as they are written."""
    for path in sorted(TOOLS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                written = {
                    one.arg or "": ast.unparse(one.value) for one in node.keywords
                }
                yield f"{path.name}:{node.lineno}", written


def test_every_finding_says_what_to_do_next_and_has_an_action_unless_all_is_well():
    found = dict(findings())

    assert len(found) > 20
    for where, written in found.items():
        assert "next" in written, where
        assert "action" in written or written["severity"] == "Severity.GOOD", where
