"""Prometheus' text format: a line a sample, under a line a name."""

from collections.abc import Iterable

PREFIX = "dsportal"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(samples: Iterable[tuple[str, dict[str, str], float]]) -> str:
    """Return gauges as a scraper reads them; samples of one name are kept together."""
    by_name: dict[str, list[str]] = {}
    for name, labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        line = f"{PREFIX}_{name}{{{inside}}} {float(value):g}"
        by_name.setdefault(name, []).append(line)
    return "".join(
        f"# TYPE {PREFIX}_{name} gauge\n" + "".join(f"{line}\n" for line in lines)
        for name, lines in by_name.items()
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
