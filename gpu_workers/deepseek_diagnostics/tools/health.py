"""Whether a training run was well: spikes, stalls, overfitting, dead units.

Curves of the run: a spike is a loss more than six times the usual deviation above the
median of its neighbours (Hampel, 1974); a stall is a step at less than half of the
usual speed. Weights and activations of the model that came out, layer by layer (Glorot
and Bengio, AISTATS 2010), and units that never fire (Lu et al., "Dying ReLU and
Initialization", 2019). Gradients of the training loss by layer: see ``flowing``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.errors import NotApplicableError
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
from deepseek_diagnostics.runs import Curve, read_curves
from deepseek_diagnostics.units import Layer, layers_seen
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import TORCH_FILE, find_model

INFO = BY_ID["health"]
WINDOW = 15
LARGER_BATCH = 32
# From this share of a step on, what is no computing is worth a word.
MUCH = 0.3
MOST_LOGGED = 50
CURVES = {
    "loss": _("Loss of training"),
    "grad_norm": _("Norm of the gradient"),
    "images_per_s": _("Images a second"),
    "data_share": _("Share of a step spent waiting for pictures"),
    "communication_share": _("Share of a step spent on communication"),
    "val/AP": _("AP on validation images"),
}


def run(case: Case) -> ToolResult:
    if case.spec.curves is None:
        raise NotApplicableError(_("choose a training run whose curves to read"))
    series = read_curves(Path(case.spec.curves))
    if "loss" not in series:
        raise NotApplicableError(_("the run has no loss to look at"))
    steps, loss = series["loss"]
    spikes = spikes_of(loss)
    stall = stalled_share(series.get("images_per_s"))
    fall = fallen_since_best(series.get("val/AP"))
    layers = _layers(case)
    num_dead = sum(one.num_dead for one in layers)
    num_units = max(1, sum(one.num for one in layers))
    flows = _flows(case)
    findings = [
        _spike_finding(steps, spikes, series.get("lr")),
        *_stall_finding(stall),
        *_data_finding(series.get("data_share")),
        *_overfit_finding(fall, series.get("val/AP")),
        *(
            [_dead_finding(layers, num_dead, num_units, series.get("lr"))]
            if layers
            else []
        ),
        *flows.findings,
        *_share_finding(series.get("communication_share")),
    ]
    share = len(spikes) / max(1, len(loss))
    half = 1.96 * (share * (1 - share) / max(1, len(loss))) ** 0.5
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("loss spikes"), value=share, low=max(0.0, share - half),
            high=share + half, is_more_better=False,
        ),
        findings=tuple(findings),
        plots=(
            *(_plot(name, *series[name]) for name in CURVES if name in series),
            *_through_layers(layers),
            *flows.plots,
        ),
        tables=(
            *_spike_log(series, spikes),
            *([_table(layers)] if layers else []),
            *flows.tables,
        ),
        values={
            "spikes": [float(steps[n]) for n in spikes], "stalled": stall,
            "fallen": fall, "dead": num_dead, "units": num_units,
        },
    )  # fmt: skip


def _layers(case: Case) -> list[Layer]:
    """None of a model of another format, or of one in 8 bits alone."""
    try:
        return layers_seen(case) if case.is_ours else []
    except NotApplicableError:
        return []


class Flows(NamedTuple):
    """What the gradients say; nothing where there are no weights to differentiate."""

    findings: Sequence[Finding] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()


def _flows(case: Case) -> Flows:
    if not case.is_ours:
        return Flows()
    if not (find_model(case.spec.model).path / TORCH_FILE).is_file():
        return Flows()
    # Loads torch, which a model without weights does without.
    from deepseek_diagnostics import flowing  # noqa: PLC0415

    seen = flowing.flows_seen(case)
    if not seen:
        return Flows()
    return Flows(
        findings=[flowing.finding_of(seen)],
        plots=[flowing.plot_of(seen)],
        tables=[flowing.table_of(seen)],
    )


def spikes_of(loss: Floats) -> list[int]:
    """Where the loss leaves its neighbours upwards, or is no number."""
    found = [int(n) for n in np.flatnonzero(~np.isfinite(loss))]
    for n in np.flatnonzero(np.isfinite(loss)):
        near = loss[max(0, n - WINDOW) : n + WINDOW + 1]
        near = near[np.isfinite(near)]
        if len(near) < 5:
            continue
        middle = np.median(near)
        spread = 1.4826 * np.median(np.abs(near - middle)) + 1e-3 * abs(middle)
        if loss[n] > middle + 6 * spread:
            found.append(int(n))
    return sorted(found)


def stalled_share(speed: tuple[Floats, Floats] | None) -> float | None:
    """The share of steps at less than half of the usual speed."""
    if speed is None or len(speed[1]) < 5:
        return None
    return float((speed[1] < np.median(speed[1]) / 2).mean())


def fallen_since_best(precision: tuple[Floats, Floats] | None) -> float | None:
    """By how much the last third of evaluations lies below the best."""
    if precision is None or len(precision[1]) < 3:
        return None
    values = precision[1]
    return float(values.max() - values[-max(1, len(values) // 3) :].mean())


def _spike_finding(steps: Floats, spikes: list[int], rates: Curve | None) -> Finding:
    if not spikes:
        return Finding(
            code="health.smooth",
            severity=Severity.GOOD,
            text=_("The loss fell without a spike."),
            next=_("Nothing to do: the learning rate suits the data."),
        )
    return Finding(
        code="health.spikes",
        severity=Severity.WARN,
        text=_("The loss jumped {num} times, first at step {step}."),
        next=_(
            "Lower the learning rate or clip gradients, and look at the pictures of "
            "those steps."
        ),
        figures={"num": len(spikes), "step": int(steps[spikes[0]])},
        action=Action.TRAIN,
        changes=_slower(rates),
    )


def _slower(rates: Curve | None) -> dict[str, float]:
    """Half of the learning rate that the run had at most."""
    return {"lr": float(f"{rates[1].max() / 2:.2g}")} if rates else {}


def _stall_finding(stall: float | None) -> list[Finding]:
    if stall is None or stall < 0.05:
        return []
    return [
        Finding(
            code="health.stalls",
            severity=Severity.WARN,
            text=_(
                "At {share} of the steps training ran at less than half of its speed."
            ),
            next=_("Give it more CPUs to read pictures with, or smaller ones."),
            figures={"share": f"{100 * stall:.0f} %"},
            action=Action.TRAIN,
        )
    ]


def _data_finding(share: Curve | None) -> list[Finding]:
    if share is None or float(np.median(share[1])) < MUCH:
        return []
    return [
        Finding(
            code="health.data",
            severity=Severity.WARN,
            text=_("{share} of each step went into waiting for pictures."),
            next=_("Give it more CPUs to read pictures with, or smaller ones."),
            figures={"share": f"{100 * float(np.median(share[1])):.0f} %"},
            action=Action.TRAIN,
        )
    ]


def _overfit_finding(fall: float | None, precision: Curve | None) -> list[Finding]:
    if fall is None or precision is None or fall < 0.02:
        return []
    return [
        Finding(
            code="health.overfit",
            severity=Severity.WARN,
            text=_(
                "Precision fell by {fall} points after its best: the run learned by "
                "heart."
            ),
            next=_("Stop earlier, augment more, or label more images."),
            figures={"fall": round(100 * fall, 1)},
            action=Action.TRAIN,
            changes={"num_steps": int(precision[0][int(precision[1].argmax())])},
        )
    ]


def _share_finding(share: tuple[Floats, Floats] | None) -> list[Finding]:
    if share is None or float(np.median(share[1])) < MUCH:
        return []
    return [
        Finding(
            code="health.communication",
            severity=Severity.WARN,
            text=_("{share} of each step went into communication between devices."),
            next=_("Use larger batches or fewer devices, or compress gradients."),
            figures={"share": f"{100 * float(np.median(share[1])):.0f} %"},
            action=Action.TRAIN,
            changes={"batch_size": LARGER_BATCH},
        )
    ]


def _dead_finding(
    layers: list[Layer],
    num_dead: int,
    num_units: int,
    rates: Curve | None,
) -> Finding:
    worst = max(layers, key=lambda one: one.num_dead / one.num, default=None)
    is_bad = num_dead > 0.05 * num_units
    return Finding(
        code="health.dead" if is_bad else "health.units",
        severity=Severity.WARN if is_bad else Severity.GOOD,
        text=_("{num} of {all} units never fire; most in “{layer}”."),
        next=_(
            "Begin with a lower learning rate, or train a smaller model: these do "
            "nothing."
        )
        if is_bad
        else _("Nothing to do: nearly every unit is in use."),
        figures={
            "num": num_dead,
            "all": num_units,
            "layer": worst.name if worst else "",
        },
        action=Action.TRAIN if is_bad else Action.NONE,
        changes=_slower(rates) if is_bad else {},
    )


def _spike_log(series: Mapping[str, Curve], spikes: list[int]) -> list[Table]:
    """What stood beside each jump of the loss."""
    if not spikes:
        return []
    steps, loss = series["loss"]
    beside = [series.get(name) for name in ("grad_norm", "lr")]
    rows = []
    for n in spikes[:MOST_LOGGED]:
        near = loss[max(0, n - WINDOW) : n + WINDOW + 1]
        usual = float(np.median(near[np.isfinite(near)])) if len(near) else 0.0
        value = round(float(loss[n]), 4) if np.isfinite(loss[n]) else "NaN"
        row = (int(steps[n]), value, round(usual, 4))
        rows.append((*row, *(_at(curve, float(steps[n])) for curve in beside)))
    return [
        Table(
            title=_("Log of the jumps of the loss"),
            columns=(
                _("Step"), _("Loss"), _("Usual around it"), _("Norm of the gradient"),
                _("Learning rate"),
            ),
            rows=tuple(rows),
        )
    ]  # fmt: skip


def _at(curve: Curve | None, step: float) -> float | None:
    """A curve's last value up to a step."""
    if curve is None or curve[0][0] > step:
        return None
    value = float(curve[1][int(np.searchsorted(curve[0], step, "right")) - 1])
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _table(layers: list[Layer]) -> Table:
    """The layers with the most dead units first."""
    return Table(
        title=_("Units, weights and activations by layer"),
        columns=(
            _("Layer"), _("Units"), _("Dead"), _("Mean weight"), _("Spread of weights"),
            _("Mean activation"), _("Spread of activations"), _("Silent"),
        ),
        rows=tuple(
            (
                one.name, one.num, one.num_dead, round(one.weight, 5),
                round(one.weight_spread, 5), round(one.fired, 4),
                round(one.fired_spread, 4), f"{100 * one.silent:.0f} %",
            )
            for one in sorted(layers, key=lambda one: -one.num_dead)[:30]
        ),
    )  # fmt: skip


def _through_layers(layers: list[Layer]) -> tuple[Plot, ...]:
    """Weights and activations from the picture on: where they fade, or grow."""
    if not layers:
        return ()
    at = tuple(float(n + 1) for n in range(len(layers)))
    x = Axis(label=_("Layer, from the picture on"))
    columns = {
        _("Spread of weights"): [one.weight_spread for one in layers],
        _("Spread of activations"): [one.fired_spread for one in layers],
        _("Share of silent answers"): [one.silent for one in layers],
    }
    return tuple(
        Plot(
            title=title,
            kind="line",
            x=x,
            y=Axis(label=title, low=0),
            series=(Series(name=title, x=at, y=tuple(round(y, 5) for y in values)),),
        )
        for title, values in columns.items()
    )


def _plot(name: str, steps: Floats, values: Floats) -> Plot:
    return Plot(
        title=CURVES[name],
        kind="line",
        x=Axis(label=_("Step")),
        y=Axis(label=CURVES[name]),
        series=(
            Series(
                name=CURVES[name],
                x=tuple(steps.tolist()),
                y=tuple(float(v) if np.isfinite(v) else None for v in values),
            ),
        ),
    )
