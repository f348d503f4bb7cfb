"""Labels that are probably wrong: missing, of another class, badly drawn.

After ObjectLab: Tkachenko, Thyagarajan, Mueller, "ObjectLab: Automated Diagnosis of
Mislabeled Images in Object Detection Data", ICML DMLR Workshop 2023. A detector that
did not see the labels disagrees with them; the surer it is, the likelier the label is
at fault. How sure a class's scores make us is read off the data: a score counts as the
share of that class's boxes with such a score that do agree with a label.
"""

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Evidence,
    Finding,
    Headline,
    Mark,
    Plot,
    Series,
    Severity,
    Table,
    ToolResult,
)
from deepseek_diagnostics.suspecting import KINDS, Suspect, find_suspects
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["labels"]
MOST_SHOWN = 60
SURE = 0.5
TITLES = {
    "missing": _("Probably not labeled"),
    "class": _("Probably another class"),
    "place": _("Probably badly drawn"),
}


def run(case: Case) -> ToolResult:
    suspects = find_suspects(case)
    by_kind = {k: [one for one in suspects if one.kind == k] for k in KINDS}
    counts = {k: sum(one.suspicion >= SURE for one in by_kind[k]) for k in KINDS}
    total = sum(counts.values())
    share = total / max(1, len(case.truth))
    spread = 1.96 * (share * (1 - min(1.0, share)) / max(1, len(case.truth))) ** 0.5
    findings = [
        _finding(case, kind, by_kind[kind], counts[kind])
        for kind in KINDS
        if by_kind[kind]
    ]
    is_trained_on = case.spec.splits == () or "train" in case.spec.splits
    if is_trained_on:
        findings.append(
            Finding(
                code="labels.seen",
                severity=Severity.INFO,
                text=_(
                    "Training images are among these: where the model has learned a "
                    "wrong label by heart, it agrees with it."
                ),
                next=_(
                    "For those images, measure with a model that was not trained on "
                    "them."
                ),
                action=Action.MEASURE,
                changes={"tool": "labels"},
            )
        )
    if not total:
        findings.insert(
            0,
            Finding(
                code="labels.good",
                severity=Severity.GOOD,
                text=_("No label looks wrong to this model."),
                next=_("Look again with a better model, or on more images."),
            ),
        )
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("suspect labels"), value=share, low=max(0.0, share - spread),
            high=share + spread, is_more_better=False,
        ),
        findings=tuple(findings),
        plots=(_plot(case, by_kind),),
        tables=(
            Table(
                title=_("By kind of fault"),
                columns=(_("Fault"), _("Probable"), _("Possible")),
                rows=tuple((TITLES[k], counts[k], len(by_kind[k])) for k in KINDS),
            ),
        ),
        values={
            "counts": counts,
            "suspects": [
                {
                    "kind": one.kind,
                    "suspicion": round(one.suspicion, 4),
                    "image": case.truth.images[one.image].id,
                    "annotation": case.truth.ids[one.row] if one.row >= 0 else "",
                }
                for one in suspects[:1000]
            ],
        },
    )  # fmt: skip


def _finding(case: Case, kind: str, suspects: list[Suspect], num: int) -> Finding:
    texts = {
        "missing": _("{num} objects are probably not labeled."),
        "class": _("{num} objects probably have another class than their label says."),
        "place": _("{num} boxes are probably badly drawn."),
    }
    return Finding(
        code=f"labels.{kind}",
        severity=Severity.WARN if num else Severity.INFO,
        text=texts[kind]
        if num
        else _("“{kind_word}”: {all} are possible, none of them is likely."),
        next=_(
            "Go through the images below, the likeliest faults first, and correct them "
            "in the editor; then measure again."
        ),
        figures={"num": num, "all": len(suspects), "kind_word": TITLES[kind]},
        action=Action.QUEUE if num else Action.LABEL,
        evidence=tuple(_evidence(case, one) for one in suspects[:MOST_SHOWN]),
    )


def _evidence(case: Case, one: Suspect) -> Evidence:
    marks: list[Mark] = [case.found_mark(one.box)]
    if one.row >= 0:
        marks.insert(0, case.truth_mark(one.row))
    names = [mark.label for mark in marks]
    return Evidence(
        image=case.truth.images[one.image].id,
        text="{names}, {sure} %",
        figures={
            "names": " / ".join(dict.fromkeys(names)),
            "sure": round(100 * one.suspicion),
        },
        marks=tuple(marks),
    )


def _plot(case: Case, by_kind: dict[str, list[Suspect]]) -> Plot:
    return Plot(
        title=_("How probable the faults are"),
        kind="line",
        x=Axis(label=_("Rank"), low=0),
        y=Axis(label=_("Suspicion"), low=0, high=1),
        series=tuple(
            Series(
                name=TITLES[kind],
                x=tuple(float(n + 1) for n in range(min(200, len(some)))),
                y=tuple(round(one.suspicion, 4) for one in some[:200]),
                images=tuple(case.behind([one.image]) for one in some[:200]),
            )
            for kind, some in by_kind.items()
        ),
    )
