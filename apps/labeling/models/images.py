from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.core.blobs import Blob
from apps.core.models import TimeStamped
from apps.labeling.models.projects import Label, Project
from apps.labeling.types import ImageState, Review, ShapeKind, Source

STATE_CHOICES = [
    (ImageState.UNLABELED, _("Unlabeled")),
    (ImageState.IN_PROGRESS, _("In progress")),
    (ImageState.SUBMITTED, _("Submitted")),
]
REVIEW_CHOICES = [
    (Review.ACCEPTED, _("Accepted")),
    (Review.SENT_BACK, _("Sent back")),
]
KIND_CHOICES = [
    (ShapeKind.BOX, _("Box")),
    (ShapeKind.ROTATED_BOX, _("Rotated box")),
    (ShapeKind.ELLIPSE, _("Ellipse")),
    (ShapeKind.POLYGON, _("Polygon")),
    (ShapeKind.POLYLINE, _("Polyline")),
    (ShapeKind.POINTS, _("Points")),
    (ShapeKind.MASK, _("Mask")),
    (ShapeKind.SKELETON, _("Skeleton")),
    (ShapeKind.TAG, _("Image tag")),
]
SOURCE_CHOICES = [(Source.HUMAN, _("Human")), (Source.PREDICTION, _("Prediction"))]


# What annotators must not see before they have said themselves what is on it.
BLIND = Q(is_truth=True) | (Q(num_people__gt=1) & ~Q(state=ImageState.SUBMITTED))
# What people may be given: nobody has it, or had it and let it lie.
FREE = Q(assignee=None) | Q(held_until__lte=Now())


class PoolManager(models.Manager["Image"]):
    """The images of projects, without the copies that single people label."""

    def get_queryset(self) -> models.QuerySet["Image"]:
        return super().get_queryset().filter(copy_of=None)


class Image(TimeStamped):
    """An image of a project, or one person's copy of it.

    Where several people are to label an image, or one is tested on it, each has a copy:
    a document of its own with its own annotations, revision, log and state. Whatever
    counts, lists or exports a project's images goes through ``objects``, which has no
    copies.

    Attributes:
        revision: Counts its saved operations; what If-Match compares.
        width: In pixels, upright: EXIF orientation is applied.
        review: Of what was submitted; submitting again, or a change, opens it anew.
        split: Where dataset versions put it; empty lets its SHA-256 decide.
        urgency: Waiting images are handed out from the greatest down.
        doubt: How little sure a model is of what it found, from 0 to 1, at its least sure
            proposal; None where none has looked.
        said: What is written on it, in small letters, a line each: words in attributes of
            its annotations, and remarks. Triggers keep it (migration 0021).
        copy_of: The project's image of which this is one person's copy.
        num_people: How many are to label it, each apart, in a copy.
        num_copies: How many copies there are.
        is_truth: Its annotations are taken for right, and others tested against them.
        assignee: Whose turn it is; of a copy, whose copy it is.
        held_until: When it may be given to somebody else; None where a person decided.
        due_at: When it is to be submitted.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="images"
    )
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=40)
    shown_sha256 = models.CharField(max_length=64)
    shown_media_type = models.CharField(max_length=40)
    shown_size_bytes = models.PositiveBigIntegerField()
    thumbnail_sha256 = models.CharField(max_length=64)
    thumbnail_size_bytes = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    state = models.CharField(
        max_length=16, choices=STATE_CHOICES, default=ImageState.UNLABELED
    )
    review = models.CharField(max_length=9, choices=REVIEW_CHOICES, blank=True)
    split = models.CharField(max_length=5, blank=True)
    revision = models.PositiveIntegerField(default=0)
    num_annotations = models.PositiveIntegerField(default=0)
    num_predictions = models.PositiveIntegerField(default=0)
    urgency = models.FloatField(default=0.0, db_default=0.0)
    doubt = models.FloatField(null=True, blank=True)
    said = models.TextField(default="", db_default="", editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    copy_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    num_people = models.PositiveSmallIntegerField(default=1, db_default=1)
    num_copies = models.PositiveSmallIntegerField(default=0, db_default=0)
    is_truth = models.BooleanField(default=False, db_default=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    held_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)

    objects = PoolManager()
    documents = models.Manager["Image"]()

    class Meta:
        indexes = [
            models.Index(fields=["project", "state", "id"]),
            models.Index(
                fields=["project", "state", "review"],
                condition=Q(copy_of=None),
                name="image_counted",
            ),
            models.Index(
                fields=["project", "-urgency", "id"],
                condition=Q(copy_of=None) & ~Q(state=ImageState.SUBMITTED),
                name="image_waiting",
            ),
            models.Index(
                fields=["project", "-urgency", "id"],
                condition=Q(num_people__gt=1) | Q(is_truth=True),
                name="image_shared",
            ),
            models.Index(
                fields=["project", "-doubt", "id"],
                condition=Q(copy_of=None) & Q(doubt__isnull=False),
                name="image_doubted",
            ),
            models.Index(
                fields=["project", "review", "id"],
                condition=~Q(review=""),
                name="image_reviewed",
            ),
            models.Index(
                fields=["project", "id"],
                condition=Q(copy_of=None),
                name="image_placed",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "sha256"],
                condition=Q(copy_of=None),
                name="image_once_a_project",
            ),
            models.UniqueConstraint(
                fields=["copy_of", "assignee"], name="copy_once_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def pool_id(self) -> int:
        """The project's image: itself, or that of which it is a copy."""
        return self.copy_of_id or self.pk

    @property
    def is_tiled(self) -> bool:
        """Whether browsers draw it tile by tile: whole, it would be too large for them."""
        is_large = self.width * self.height >= settings.TILE_FROM_PIXELS
        return is_large and self.shown_sha256 == self.sha256

    @property
    def is_blind(self) -> bool:
        """Whether annotators must not see it; as BLIND."""
        is_shared = self.num_people > 1 and self.state != ImageState.SUBMITTED
        return self.is_truth or is_shared

    def is_hidden_from(self, user_id: int) -> bool:
        """Whether it takes a reviewer to see it."""
        if self.copy_of_id is not None:
            return self.assignee_id != user_id
        return self.is_blind

    @property
    def original(self) -> Blob:
        return Blob(sha256=self.sha256, size=self.size_bytes)

    @property
    def shown(self) -> Blob:
        """What browsers draw: the original where they can, else an upright copy."""
        return Blob(sha256=self.shown_sha256, size=self.shown_size_bytes)

    @property
    def thumbnail(self) -> Blob:
        return Blob(sha256=self.thumbnail_sha256, size=self.thumbnail_size_bytes)


class BoundingBox(models.Model):
    """Pixels of the upright original image; queried by range, drawn as they are."""

    x1 = models.FloatField()
    y1 = models.FloatField()
    x2 = models.FloatField()
    y2 = models.FloatField()

    class Meta:
        abstract = True

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        return (self.x1, self.y1, self.x2, self.y2)


class Annotation(TimeStamped, BoundingBox):
    """A shape that somebody drew or accepted.

    Attributes:
        packed: Its geometry beyond the bounding box (labeling.formats.geometry).
        group: Shapes of one group belong together.
        layer: Higher ones lie above lower ones.
    """

    # Both are the first of an index below.
    image = models.ForeignKey(
        Image, on_delete=models.CASCADE, related_name="annotations", db_index=False
    )
    uid = models.UUIDField()
    label = models.ForeignKey(Label, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=16, choices=KIND_CHOICES, default=ShapeKind.BOX)
    packed = models.BinaryField(default=b"", editable=False)
    source = models.CharField(
        max_length=16, choices=SOURCE_CHOICES, default=Source.HUMAN
    )
    score = models.FloatField(null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    is_occluded = models.BooleanField(default=False)
    is_truncated = models.BooleanField(default=False)
    group = models.UUIDField(null=True, blank=True)
    layer = models.SmallIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["label", "image"], name="annotation_labeled")]
        constraints = [
            models.UniqueConstraint(fields=["image", "uid"], name="annotation_once"),
            models.CheckConstraint(
                condition=Q(x1__lte=F("x2"), y1__lte=F("y2")), name="annotation_ordered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.uid}"


class Prediction(BoundingBox):
    """A model's proposal; a layer of its own that names its model revision.

    Attributes:
        packed: Its geometry beyond the bounding box, as an annotation's.
    """

    # Both are the first of an index below.
    image = models.ForeignKey(
        Image, on_delete=models.CASCADE, related_name="predictions", db_index=False
    )
    uid = models.UUIDField()
    label = models.ForeignKey(Label, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=16, choices=KIND_CHOICES, default=ShapeKind.BOX)
    packed = models.BinaryField(default=b"", db_default=b"", editable=False)
    score = models.FloatField()
    model = models.CharField(max_length=200)
    job_id = models.UUIDField()

    class Meta:
        ordering = ["-score", "pk"]
        indexes = [models.Index(fields=["label", "image"], name="prediction_labeled")]
        constraints = [
            models.UniqueConstraint(fields=["image", "uid"], name="prediction_once"),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=1), name="prediction_score_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.score:.2f}"


class Verdict(BoundingBox):
    """What a person said of a proposal; it outlives the proposal.

    Attributes:
        uid: The proposal's.
        label: What the model took it for.
        is_right: It was taken over with its label and about its box.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="verdicts")
    uid = models.UUIDField()
    label = models.ForeignKey(Label, on_delete=models.CASCADE)
    model = models.CharField(max_length=200)
    score = models.FloatField()
    is_right = models.BooleanField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "uid"], name="verdict_once")
        ]

    def __str__(self) -> str:
        return f"{self.uid}: {self.is_right}"


class OperationLog(models.Model):
    """Who changed what, when: one row a saved batch of operations."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="log")
    revision = models.PositiveIntegerField()
    key = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    operations = models.JSONField(encoder=DjangoJSONEncoder)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "revision"], name="operation_log_numbered"
            ),
            models.UniqueConstraint(
                fields=["image", "key"], name="operation_log_applied_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image_id}@{self.revision}"
