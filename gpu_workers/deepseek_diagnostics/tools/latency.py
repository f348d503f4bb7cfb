"""Where the time of one picture goes on this machine.

Stages of serving are timed apart; inside the model the runtime's own trace names the
operators. The roofline (Williams, Waterman, Patterson, CACM 2009) says whether the
heaviest layers wait for arithmetic or for memory; its roof is measured here: a product
of matrices, and a copy.
"""

import time
from functools import partial
from typing import Any

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.graphs import readable, sample
from deepseek_diagnostics.measuring import Bystander
from deepseek_diagnostics.opening import open_detector
from deepseek_diagnostics.profiling import (
    Serving,
    Trace,
    least_s,
    roof,
    serving_of,
    trace,
    waits_for_memory,
)
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Finding,
    Headline,
    Plot,
    Series,
    Severity,
    Table,
    ToolResult,
)
from deepseek_diagnostics.seeing import LEAST_SCORE
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.images import read_picture

INFO = BY_ID["latency"]
NUM_TIMED = 12
# By so much two runs on an idle machine differ.
LEAST_DOUBT = 0.05
BATCHES = (1, 2, 4)
STAGES = {
    "read": _("reading the file"),
    "model": _("running the model"),
    "rest": _("resizing and choosing boxes"),
}


def run(case: Case) -> ToolResult:
    images = sample(case, NUM_TIMED, "latency")
    serving = serving_of(case, images[0])
    with Bystander() as others:
        take = _stages if case.is_ours else _stages_outside
        stages = take(case, images, serving)
    total = np.array([sum(row.values()) for row in stages]) * 1000
    traced = trace(case, serving)
    layers = traced.layers
    flops, bytes_s = roof()
    p50 = float(np.median(total))
    middle = {k: float(np.median([row[k] for row in stages])) * 1000 for k in STAGES}
    sweep = _sweep(case, serving)
    findings = [_stage_finding(case, total, middle)]
    if layers:
        findings.append(_layer_finding(traced, flops, bytes_s))
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name="ms", value=p50, is_more_better=False,
            low=float(np.percentile(total, 25)) * (1 - max(others.share, LEAST_DOUBT)),
            high=float(np.percentile(total, 75)) * (1 + LEAST_DOUBT),
        ),
        findings=tuple(findings),
        plots=(
            *_plots(traced.operators, sweep),
            *([_roofline(layers, flops, bytes_s)] if layers else []),
            _by_size(case, images, total),
        ),
        tables=(_operators(traced.operators), _table(layers)),
        values={
            "stages_ms": middle, "sweep_ms": sweep, "operators": traced.operators,
            "peak_run_mb": traced.peak_bytes / 1e6,
            "peak_gflops": flops / 1e9, "peak_gb_s": bytes_s / 1e9,
            "share_of_others": round(others.share, 3),
        },
    )  # fmt: skip


def _stage_finding(case: Case, total: Floats, middle: dict[str, float]) -> Finding:
    heaviest = max(middle, key=lambda one: middle[one])
    share = middle[heaviest] / sum(middle.values())
    return Finding(
        code="latency.stage",
        severity=Severity.INFO,
        text=_(
            "A picture takes {p50} ms here (95th percentile {p95} ms); "
            "{stage_word} is {share} of it."
        ),
        next=_(
            "Serve in 8 bits and at a smaller image side; both are cheap to try "
            "and measured by this tool."
        )
        if heaviest == "model"
        else _("Send pictures at the size that the model sees: larger ones cost time here."),
        figures={
            "p50": float(np.median(total)),
            "p95": float(np.percentile(total, 95)),
            "stage_word": STAGES[heaviest],
            "share": f"{100 * share:.0f} %",
        },
        interval=(float(np.percentile(total, 2.5)), float(np.percentile(total, 97.5))),
        action=Action.TRAIN,
        changes={"side_px": _smaller(case.side_px)},
    )  # fmt: skip


def _layer_finding(traced: Trace, flops: float, bytes_s: float) -> Finding:
    layers = traced.layers
    slowest = max(layers, key=lambda name: layers[name]["us"])
    top = layers[slowest]
    bound = _("memory") if waits_for_memory(top, flops, bytes_s) else _("arithmetic")
    return Finding(
        code="latency.layer",
        severity=Severity.INFO,
        text=_(
            "Inside the model “{layer}” takes longest ({ms} ms) and waits for "
            "{bound_word}; running it holds {peak} MB beside its weights."
        ),
        next=_("See the pruning tool: it says what a narrower layer would cost."),
        figures={
            "layer": readable(slowest), "ms": top["us"] / 1000, "bound_word": bound,
            "peak": round(traced.peak_bytes / 1e6, 1),
        },
        action=Action.MEASURE,
        changes={"tool": "pruning"},
    )  # fmt: skip


def _smaller(side_px: int) -> int:
    """About four fifths, in whole cells of the coarsest map."""
    return max(64, side_px * 4 // 5 // 32 * 32)


def _stages(case: Case, images: list[int], _serving: Serving) -> list[dict[str, float]]:
    detector, session, _digest = open_detector(
        case.spec.model,
        precision=case.spec.precision,
        num_threads=case.spec.num_threads,
    )
    query = detector.query(score_threshold=LEAST_SCORE)
    inner = session.run
    spent: list[float] = []

    def timed(*arguments: Any) -> Any:
        began = time.perf_counter()
        answer = inner(*arguments)
        spent.append(time.perf_counter() - began)
        return answer

    session.run = timed  # type: ignore[method-assign,assignment]  # a stopwatch around it
    rows = []
    # The first two warm up; a small set goes round.
    for turn in range(NUM_TIMED + 2):
        path = case.truth.images[images[turn % len(images)]].path
        began = time.perf_counter()
        picture = read_picture(
            path, wanted_side=detector.model.directory.config.side_px
        )
        read = time.perf_counter() - began
        began = time.perf_counter()
        detector.find_pictures([picture], query)
        whole = time.perf_counter() - began
        rows.append({"read": read, "model": spent[-1], "rest": whole - spent[-1]})
    return rows[2:]


def _stages_outside(
    case: Case, images: list[int], serving: Serving
) -> list[dict[str, float]]:
    """A model of another format: its graph alone, and the rest of what it takes."""
    seer, session = case.open_model(), serving.open(case.spec.num_threads)
    rows = []
    for turn in range(NUM_TIMED + 2):
        path = case.truth.images[images[turn % len(images)]].path
        began = time.perf_counter()
        picture = read_picture(path, wanted_side=seer.side_px)
        read = time.perf_counter() - began
        began = time.perf_counter()
        session.run(None, serving.feed)
        model = time.perf_counter() - began
        began = time.perf_counter()
        seer.see(picture)
        whole = time.perf_counter() - began
        rows.append({"read": read, "model": model, "rest": max(0.0, whole - model)})
    return rows[2:]


def _sweep(case: Case, serving: Serving) -> dict[str, dict[str, float]]:
    """Milliseconds a picture for each number of threads and pictures at once."""
    found: dict[str, dict[str, float]] = {}
    for threads in sorted({1, case.spec.num_threads}):
        session = serving.open(threads)
        row = {}
        for size in BATCHES:
            pixels = np.repeat(serving.feed[serving.picture], size, axis=0)
            act = partial(session.run, None, {**serving.feed, serving.picture: pixels})
            try:
                act()
            except Exception:  # noqa: BLE001 -- the runtime has no class of its own for it
                break
            row[str(size)] = 1000 * least_s(act) / size
        found[str(threads)] = row
    return found


def _plots(
    operators: dict[str, dict[str, float]], sweep: dict[str, dict[str, float]]
) -> tuple[Plot, ...]:
    top = sorted(operators.items(), key=lambda one: -one[1]["us"])[:8]
    return (
        Plot(
            title=_("Time by operator"),
            kind="bar",
            x=Axis(label=_("Operator"), scale="category"),
            y=Axis(label=_("Time"), unit="ms", low=0),
            series=(
                Series(
                    name=_("Time"),
                    x=tuple(name for name, _row in top),
                    y=tuple(round(row["us"] / 1000, 4) for _name, row in top),
                ),
            ),
        ),
        Plot(
            title=_("Time a picture by batch"),
            kind="line",
            x=Axis(label=_("Pictures at once")),
            y=Axis(label=_("Time a picture"), unit="ms", low=0),
            series=tuple(
                Series(
                    name=f"{threads} CPU",
                    x=tuple(float(size) for size in row),
                    y=tuple(round(ms, 3) for ms in row.values()),
                )
                for threads, row in sweep.items()
            ),
        ),
    )


def _by_size(case: Case, images: list[int], total: Floats) -> Plot:
    """The median of each timed picture over its pixels, with itself behind it."""
    # The warm-up took the first two.
    turns = [images[(turn + 2) % len(images)] for turn in range(len(total))]
    told = []
    for image in dict.fromkeys(turns):
        row = case.truth.images[image]
        ms = np.median(
            [one for at, one in zip(turns, total, strict=True) if at == image]
        )
        told.append((row.width * row.height / 1e6, float(ms), (row.id,)))
    told.sort()
    return Plot(
        title=_("Time by size of the picture"),
        kind="scatter",
        x=Axis(label=_("Megapixels"), low=0),
        y=Axis(label=_("Time a picture"), unit="ms", low=0),
        series=(
            Series(
                name=_("Time a picture"),
                x=tuple(round(x, 4) for x, _ms, _ids in told),
                y=tuple(round(ms, 3) for _x, ms, _ids in told),
                images=tuple(ids for _x, _ms, ids in told),
            ),
        ),
    )


def _roofline(
    layers: dict[str, dict[str, float]], flops: float, bytes_s: float
) -> Plot:
    """Each convolution below what memory, then arithmetic, allows on this machine."""
    rows = [row for row in layers.values() if row["us"] > 0 and row["bytes"] > 0]
    dense = [row["flops"] / row["bytes"] for row in rows]
    # Dense enough to be seen as a line.
    edge = np.linspace(0, 1.05 * max([*dense, flops / bytes_s]), 60)
    return Plot(
        title=_("Roofline: speed over work a byte"),
        kind="scatter",
        x=Axis(label=_("FLOP a byte"), low=0),
        y=Axis(label=_("Speed"), unit="GFLOP/s", low=0),
        series=(
            Series(
                name=_("Layers"),
                x=tuple(round(one, 2) for one in dense),
                y=tuple(round(row["flops"] / row["us"] / 1000, 2) for row in rows),
            ),
            Series(
                name=_("What this machine allows (32 bits)"),
                x=tuple(edge.round(2).tolist()),
                y=tuple((np.minimum(flops, edge * bytes_s) / 1e9).round(2).tolist()),
            ),
        ),
    )


def _operators(operators: dict[str, dict[str, float]]) -> Table:
    top = sorted(operators.items(), key=lambda one: -one[1]["us"])[:12]
    mega = 1e6
    return Table(
        title=_("Time and memory by operator"),
        columns=(
            _("Operator"), _("How many"), "ms", _("Weights, MB"), _("In, MB"), _("Out, MB"),
        ),
        rows=tuple(
            (
                name, round(row["nodes"]), round(row["us"] / 1000, 3),
                round(row["weights"] / mega, 3), round(row["inputs"] / mega, 3),
                round(row["outputs"] / mega, 3),
            )
            for name, row in top
        ),
    )  # fmt: skip


def _table(layers: dict[str, dict[str, float]]) -> Table:
    top = sorted(layers.items(), key=lambda one: -one[1]["us"])[:20]
    return Table(
        title=_("The slowest layers"),
        columns=(_("Layer"), "ms", "GFLOP/s", _("FLOP a byte")),
        rows=tuple(
            (
                readable(name),
                round(row["us"] / 1000, 3),
                round(row["flops"] / max(row["us"], 1e-3) / 1000, 2),
                round(row["flops"] / max(row["bytes"], 1.0), 1),
            )
            for name, row in top
        ),
    )
