from django.db.models import Exists, OuterRef, QuerySet

from apps.labeling.models import Annotation, Image, Prediction, Verdict
from apps.labeling.types import ImageState


def list_open_proposals(
    *, project_id: int, label_id: int | None = None, min_score: float = 0.0
) -> QuerySet[Prediction]:
    """Proposals that nobody has judged yet, on images that are not submitted.

    Where several people are to label an image, each judges them in her copy.
    """
    same = {"image_id": OuterRef("image_id"), "uid": OuterRef("uid")}
    rows = (
        Prediction.objects.filter(image__project_id=project_id, score__gte=min_score)
        .exclude(image__state=ImageState.SUBMITTED)
        .exclude(image__num_people__gt=1)
        .exclude(Exists(Verdict.objects.filter(**same)))
        .exclude(Exists(Annotation.objects.filter(**same)))
        .select_related("image")
    )
    return rows if label_id is None else rows.filter(label_id=label_id)


def count_open_proposals(*, project_id: int) -> dict[int, list[float]]:
    """The scores of the proposals that wait for a verdict, by label."""
    rows = list_open_proposals(project_id=project_id).values_list("label_id", "score")
    scores: dict[int, list[float]] = {}
    for label_id, score in rows:
        scores.setdefault(label_id, []).append(round(score, 3))
    return scores


def list_judged(image: Image) -> QuerySet[Prediction]:
    """An image's proposals, each with ``is_rejected``; a copy has those of its image."""
    wrong = Verdict.objects.filter(image=image, uid=OuterRef("uid"), is_right=False)
    proposals = Prediction.objects.filter(image_id=image.pool_id)
    return proposals.annotate(is_rejected=Exists(wrong))
