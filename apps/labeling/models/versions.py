from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.blobs import Blob
from apps.labeling.models.images import STATE_CHOICES
from apps.labeling.models.projects import Project
from apps.labeling.types import MergeRule, Split

SPLIT_CHOICES = [
    (Split.TRAIN, _("Training")),
    (Split.VAL, _("Validation")),
    (Split.TEST, _("Test")),
]
RULE_CHOICES = [
    (MergeRule.UNION, _("Objects of both")),
    (MergeRule.OURS, _("As in the version merged into")),
    (MergeRule.THEIRS, _("As in the version merged")),
    (MergeRule.NEWEST, _("As in the newer version")),
]


class DatasetVersion(models.Model):
    """A frozen state of a project's images, annotations and labels.

    Attributes:
        number: 1, 2, 3, ... in its project.
        content_hash: Of images, annotations, labels and splits; empty only inside the
            transaction that makes it. From then on the database refuses changes.
        taxonomy: The labels as they were, in order, each with its id.
        shares: Per cent of train, val and test that were asked for.
        splits: How many images each split has.
        parent: What the annotations stood on as this was made, or what another version
            was merged into; None for the first one, and where nobody wrote it down.
        merged: The version that was merged into ``parent``; then ``ancestor`` is what
            both came of, ``merge_rule`` settled ``num_conflicts`` images.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="versions"
    )
    number = models.PositiveIntegerField()
    note = models.CharField(max_length=300, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    taxonomy: "models.JSONField[list[dict[str, Any]], list[dict[str, Any]]]" = (
        models.JSONField(default=list, encoder=DjangoJSONEncoder)
    )
    shares = models.JSONField(default=dict)
    splits = models.JSONField(default=dict)
    only_submitted = models.BooleanField()
    num_images = models.PositiveIntegerField(default=0)
    num_annotations = models.PositiveIntegerField(default=0)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.RESTRICT, related_name="+"
    )
    merged = models.ForeignKey(
        "self", null=True, on_delete=models.RESTRICT, related_name="+"
    )
    ancestor = models.ForeignKey(
        "self", null=True, on_delete=models.RESTRICT, related_name="+"
    )
    merge_rule = models.CharField(
        max_length=8, choices=RULE_CHOICES, blank=True, default="", db_default=""
    )
    num_conflicts = models.PositiveIntegerField(default=0, db_default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="dataset_version_numbered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} v{self.number}"


class FrozenImage(models.Model):
    """An image with what was on it; versions that agree on it share the row.

    Attributes:
        digest: SHA-256 of all that follows.
        shapes: Fixed part of each annotation, by id (labeling.formats.frozen).
        extras: JSON, by annotation id: what does not fit the fixed part.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField(max_length=32)
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=40)
    shown_sha256 = models.CharField(max_length=64)
    shown_media_type = models.CharField(max_length=40)
    shown_size_bytes = models.PositiveBigIntegerField()
    thumbnail_sha256 = models.CharField(max_length=64)
    thumbnail_size_bytes = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    num_annotations = models.PositiveIntegerField()
    shapes = models.BinaryField()
    extras = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "digest"], name="frozen_image_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def thumbnail(self) -> Blob:
        return Blob(sha256=self.thumbnail_sha256, size=self.thumbnail_size_bytes)


class VersionImage(models.Model):
    """That a version holds an image, in which split and state."""

    pk = models.CompositePrimaryKey("version_id", "image_id")
    version = models.ForeignKey(
        DatasetVersion, on_delete=models.CASCADE, related_name="rows"
    )
    image = models.ForeignKey(
        FrozenImage, on_delete=models.CASCADE, related_name="rows"
    )
    split = models.CharField(max_length=5, choices=SPLIT_CHOICES)
    state = models.CharField(max_length=16, choices=STATE_CHOICES)

    def __str__(self) -> str:
        return f"{self.version_id}/{self.image_id}"
