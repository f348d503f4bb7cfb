"""Carries a spec out: predictions once, then tool by tool, each kept as it is done."""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deepseek_diagnostics import events, registry
from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID, Need, ToolInfo
from deepseek_diagnostics.errors import NotApplicableError, StopRequestedError
from deepseek_diagnostics.marking import marks_behind
from deepseek_diagnostics.measuring import Meter
from deepseek_diagnostics.result import ToolResult
from deepseek_diagnostics.spec import MARKS_FILE, DiagnoseSpec
from deepseek_diagnostics.words import gettext_noop as _

log = logging.getLogger(__name__)
Report = Callable[[events.Event], None]


def diagnose(
    spec: DiagnoseSpec, *, report: Report, should_stop: Callable[[], bool]
) -> list[ToolResult]:
    """Measure; each result is a file ``<tool>.json`` in the spec's ``out``.

    What to draw on the pictures behind charts is one more, ``marks.json``.

    A tool that says nothing about this model or data is skipped with its reason.

    Raises:
        DataError: Nothing can be measured.
        StopRequestedError: ``should_stop`` said so; what is done stays in the cache.
    """
    began = time.perf_counter()
    done_before = 0

    def tell(num: int) -> None:
        if should_stop():
            raise StopRequestedError
        report(events.Progress(tool="", num_done=done_before + num))

    case = Case(spec, tell=tell)
    num_images = len(case.truth.images)
    # A tool counts as much as a tenth of the pictures: bars move evenly enough.
    weight = max(1, num_images // 10)
    report(
        events.Started(
            tools=spec.tools,
            num_images=num_images,
            num_steps=num_images + weight * len(spec.tools),
        )
    )
    Path(spec.out).mkdir(parents=True, exist_ok=True)
    weights = case.seen.weights
    # Classes that do not match are refused before any tool.
    log.info("%d boxes in %d pictures", len(case.found), num_images)
    results = []
    case.tell = lambda _num: _check(should_stop)
    for number, tool in enumerate(spec.tools):
        _check(should_stop)
        done_before = num_images + weight * number
        report(events.Progress(tool=tool, num_done=done_before))
        result = _answered(case, tool, weights)
        path = Path(spec.out) / f"{tool}.json"
        _write(path, result.to_json())
        results.append(result)
        report(
            events.ToolDone(
                tool=tool,
                path=str(path),
                seconds=round(result.seconds, 3),
                is_cached=result.is_cached,
                skipped=result.skipped,
            )
        )
    marks = marks_behind(case, results)
    rows = {pk: [one.to_row() for one in some] for pk, some in marks.items()}
    _write(Path(spec.out) / MARKS_FILE, json.dumps(rows, separators=(",", ":")))
    report(events.Progress(tool="", num_done=num_images + weight * len(spec.tools)))
    report(events.Finished(seconds=round(time.perf_counter() - began, 3)))
    return results


def _check(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise StopRequestedError


def _answered(case: Case, tool: str, weights: str) -> ToolResult:
    info = BY_ID[tool]
    try:
        _check_model(case, info)
        key = case.key(tool, info.version, weights)
        kept = case.cache / "results" / f"{key}.json"
        if kept.exists():
            os.utime(kept)
            wire = json.loads(kept.read_text(encoding="utf-8"))
            return replace(ToolResult.from_wire(wire), is_cached=True)
        run = registry.load(tool)
        with Meter() as meter:
            result = run(case)
    except NotApplicableError as error:
        log.info("%s: %s", tool, error)
        return ToolResult(
            tool=tool,
            version=info.version,
            question=info.question,
            skipped=error.text,
            skipped_figures=error.figures,
        )
    result = replace(
        result, seconds=round(meter.seconds, 3), peak_mb=round(meter.peak_mb, 1)
    )
    kept.parent.mkdir(parents=True, exist_ok=True)
    _write(kept, result.to_json())
    return result


def _check_model(case: Case, info: ToolInfo) -> None:
    """Raise where a tool opens what this model keeps closed."""
    if Need.DETECTOR in info.needs and not case.is_ours:
        raise NotApplicableError(
            _(
                "it opens the layers of detectors trained here; this model answers "
                "from outside alone: saliency (D-RISE) and latency look at any"
            )
        )


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
