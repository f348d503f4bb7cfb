"""A finished run becomes a model version, once."""

import json
from pathlib import Path
from typing import Any

from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import Lineage, repository_name
from apps.training.models import TrainingRun
from apps.training.services import recording
from apps.training.types import Plan

EVALUATION = "evaluation.json"


def publish(claim: Claim, plan: Plan, *, folder: Path) -> None:
    """Write the card, publish the folder as the run's model, end the job.

    Publishing again for the same job answers with the revision that is there, so a
    worker that dies in between leaves one version.
    """
    run = TrainingRun.objects.select_related(
        "created_by", "dataset_version__project", "base_revision__model__namespace"
    ).get(pk=plan.run_id)
    verdict = json.loads((folder / EVALUATION).read_text())
    recording.keep_verdict(claim, plan, verdict)
    (folder / "README.md").write_text(card(run, verdict), encoding="utf-8")
    info = publish_model(
        user=run.created_by,
        workspace_id=run.workspace_id,
        name=repository_name(run.name),
        folder=folder,
        message=f"Trained on {run.dataset_version}",
        lineage=Lineage(
            job_id=str(claim.job_id),
            dataset_version_id=run.dataset_version_id,
            base_revision_id=run.base_revision_id,
            relation="finetune" if run.base_revision_id else "",
            code_version=run.code_version,
            config={"preset": run.preset, **run.recipe},
            metrics=verdict["metrics"],
        ),
    )
    with jobs.fenced(claim):
        TrainingRun.objects.filter(pk=run.pk).update(result_revision_id=info.id)
        result = {
            "model": info.full_name,
            "revision": info.revision,
            "AP": verdict["metrics"]["AP"],
            "AP50": verdict["metrics"]["AP50"],
        }
        jobs.finish_job(claim, result=result)


def card(run: TrainingRun, verdict: dict[str, Any]) -> str:
    """A model card with the front matter that model hubs read."""
    version, has_masks = run.dataset_version, run.recipe.get("has_masks", False)
    kind = "instance segmenter" if has_masks else "detector"
    facts: dict[str, Any] = {
        "license": run.licence,
        "library_name": "deepseek_vision",
        "pipeline_tag": "image-segmentation" if has_masks else "object-detection",
        "tags": [
            "instance-segmentation" if has_masks else "object-detection",
            run.preset,
            *run.tags,
        ],
        "datasets": [repository_name(version.project.name)],
    }
    base = run.base_revision
    if base is not None:
        facts["base_model"] = base.model.full_name
    front = "\n".join(f"{key}: {json.dumps(value)}" for key, value in facts.items())
    metrics = verdict["metrics"]
    figures = "\n".join(
        f"| {name} | {'no such object' if value < 0 else format(value, '.3f')} |"
        for name, value in metrics.items()
    )
    curves = "\n".join(
        f"| {one['class']} | {'no object' if one['AP50'] is None else format(one['AP50'], '.3f')} |"
        for one in verdict["curves"]
    )
    start = f"`{base.model.full_name}@{base.revision[:12]}`" if base else "nothing"
    notes = f"\n{run.notes.strip()}\n" if run.notes.strip() else ""
    return f"""---
{front}
---

# {run.name}

A {run.recipe["size"]} {kind} for {", ".join(verdict["classes"])}, trained with the preset
`{run.preset}` from {start} on {version} ({version.num_images} images, content
`{version.content_hash[:12]}`).
{notes}
## Figures

On the {verdict["num_images"]} validation images of that version, with
{verdict["num_objects"]} objects:

| figure | value |
|---|---|
{figures}

| class | AP at IoU 0.50 |
|---|---|
{curves}

`evaluation.json` holds the confusion of classes and the precision-recall curves, `recipe.json`
every number of the run.

## How it was made

Job `{run.job_id}`, dsportal {run.code_version}. The same recipe, data and seed give the
same weights.
"""
