from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.selectors import workspace_of
from apps.core import blobs, images
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.deployments.engines.asking import Shown, ask, shown
from apps.deployments.selectors import first_threshold
from apps.deployments.trials import selectors, services
from apps.deployments.trials.models import Trial
from apps.deployments.types import LOWEST_SCORE
from apps.jobs.selectors import has_worker
from apps.jobs.types import JobStatus
from apps.marketplace.selectors.serving import access_picture_model

ENDED_BADLY = {JobStatus.FAILED, JobStatus.CANCELLED}


@login_required
@require_POST
def try_model(request: PageRequest, revision_id: int) -> HttpResponse:
    """Answer about a picture: at once where the model is deployed, else by a job."""
    access_picture_model(user=request.user, revision_id=revision_id)
    file = request.FILES.get("image")
    try:
        picture = services.check_picture(file, size=file.size if file else None)
        port = selectors.answering_port(user=request.user, revision_id=revision_id)
        if port is not None:
            answer = ask(port, picture.read(), least_score=LOWEST_SCORE)
            return _answer(request, _shown(request, revision_id, answer))
        trial = services.start_trial(
            user=request.user,
            workspace_id=workspace_of(request).pk,
            revision_id=revision_id,
            picture=picture,
        )
    except DomainError as exc:
        return _answer(request, {"error": str(exc)})
    return _waiting(request, trial)


@login_required
@require_GET
def trial(request: PageRequest, trial_id: int) -> HttpResponse:
    """What the page asks again and again until there is an answer."""
    found = selectors.access_trial(user=request.user, trial_id=trial_id)
    if found.job.status in ENDED_BADLY:
        return _answer(request, {"error": found.job.error, "job": found.job})
    if not found.answer:
        return _waiting(request, found)
    with blobs.open_blob(found.sha256) as file:
        answer = shown(file.read(), images.inspect(file), found.answer)
    context = _shown(request, found.revision_id, answer)
    return _answer(request, {**context, "trial": found})


def _shown(request: PageRequest, revision_id: int, answer: Shown) -> dict[str, Any]:
    threshold = first_threshold(user=request.user, revision_id=revision_id)
    return {"answer": answer, "threshold": threshold}


def _waiting(request: PageRequest, trial: Trial) -> HttpResponse:
    context = {"trial": trial, "has_worker": has_worker()}
    return render(request, "deployments/trial.html", context)


def _answer(request: PageRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "deployments/answer.html", context)
