"""All pages share one style sheet: a name means one thing in it."""

import re
from collections import defaultdict
from pathlib import Path

STYLES = Path(__file__).parents[2] / "static/css"


def test_a_class_is_laid_out_in_one_file():
    """A page's own `.tiles` once squeezed the cards of two others."""
    files = defaultdict(set)
    for path in STYLES.rglob("*.css"):
        for name in re.findall(r"^\.([\w-]+)\s*\{", path.read_text(), re.MULTILINE):
            files[name].add(path.name)

    assert {name: where for name, where in files.items() if len(where) > 1} == {}
