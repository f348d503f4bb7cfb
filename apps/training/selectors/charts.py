"""The curves of runs as charts."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.core.charts import Axis, Chart, Series
from apps.training.models import RunSeries, TrainingRun
from apps.training.selectors.runs import series_of, series_of_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """One chart of a run: its name in addresses, and the name of each of its series."""

    name: str
    chart: Chart
    labels: dict[str, str]


def charts_of(run: TrainingRun) -> list[Curves]:
    """All charts of a run's page, with what is known so far."""
    rows = {row.name: row for row in series_of(run_id=run.pk)}
    return [
        Curves(
            name=name,
            chart=_chart(name, {k: v for k, v in rows.items() if k in labels}, labels),
            labels=labels,
        )
        for name, labels in _named(rows).items()
    ]


def chart_of(run: TrainingRun, name: str) -> Chart | None:
    """One chart anew, or None where a run has none of that name."""
    return next((one.chart for one in charts_of(run) if one.name == name), None)


def compared(runs: Sequence[TrainingRun], series: str) -> Chart:
    """The same curve of several runs in one chart."""
    found = series_of_runs(run_ids=[run.pk for run in runs], name=series)
    titles = {"loss": _("Loss"), "val/AP": _("Average precision")}
    return Chart(
        title=titles.get(series, series),
        kind="line",
        x=Axis(label=_("Step")),
        y=Axis(label=titles.get(series, series)),
        series=[
            Series(
                name=f"{run.name} #{run.pk}",
                x=found[run.pk].steps,
                y=found[run.pk].values,
            )
            for run in runs
            if run.pk in found
        ],
    )


def _named(rows: dict[str, RunSeries]) -> dict[str, dict[str, str]]:
    named = {
        "loss": {
            "loss": _("Total"),
            "loss/classes": _("Classes"),
            "loss/boxes": _("Boxes"),
        },
        "precision": {
            "val/AP": _("AP"),
            "val/AP50": _("AP at IoU 0.5"),
            "val/AP75": _("AP at IoU 0.75"),
        },
        "lr": {"lr": _("Learning rate")},
        "gradient": {"grad_norm": _("Norm of the gradient")},
        "speed": {"images_per_s": _("Images")},
        "memory": {"device/memory_mib": _("Memory of the run")},
    }
    temperatures = [name for name in rows if name.endswith("_temperature")]
    if temperatures:
        named["temperature"] = {
            name: name.removeprefix("device/").removesuffix("_temperature").upper()
            for name in temperatures
        }
    return named


def _chart(name: str, rows: dict[str, RunSeries], labels: dict[str, str]) -> Chart:
    titles = {
        "loss": (_("Loss"), _("Loss"), ""),
        "precision": (_("Average precision"), _("AP"), ""),
        "lr": (_("Learning rate"), _("Rate"), ""),
        "gradient": (_("Norm of the gradient"), _("Norm"), ""),
        "speed": (_("Throughput"), _("Images"), "1/s"),
        "memory": (_("Memory"), _("Memory"), "MiB"),
        "temperature": (_("Temperature"), _("Temperature"), "°C"),
    }
    title, label, unit = titles[name]
    is_share = name == "precision"
    return Chart(
        title=title,
        kind="line",
        x=Axis(label=_("Step")),
        y=Axis(
            label=label,
            unit=unit,
            low=0.0 if is_share else None,
            high=1.0 if is_share else None,
        ),
        series=[
            Series(name=labels[key], x=rows[key].steps, y=rows[key].values)
            for key in labels
            if key in rows
        ],
    )


def curves_of_classes(run: TrainingRun) -> Chart | None:
    """Precision over recall of each class, once the run is over."""
    curves = [one for one in run.verdict.get("curves", []) if one["precision"]]
    if not curves:
        return None
    recalls = [number / 100 for number in range(101)]
    return Chart(
        title=_("Precision and recall at IoU 0.5"),
        kind="line",
        x=Axis(label=_("Recall"), low=0, high=1),
        y=Axis(label=_("Precision"), low=0, high=1),
        series=[
            Series(name=one["class"], x=recalls, y=one["precision"]) for one in curves
        ],
    )
