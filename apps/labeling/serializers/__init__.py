"""What the labeling API takes and gives."""

import re
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.labeling.formats.crops import around
from apps.labeling.formats.geometry import unpack
from apps.labeling.models import (
    Annotation,
    Image,
    OperationLog,
    Prediction,
    Project,
)
from apps.labeling.serializers.labels import LabelOut
from apps.labeling.types import (
    MOST_HONEYPOTS,
    Operation,
    Put,
    Remove,
    Says,
    Shape,
    ShapeKind,
    Source,
)

MAX_OPERATIONS = 5000


class CalibrationOut(serializers.Serializer[Any]):
    num_verdicts = serializers.IntegerField()
    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField())
    )


class ProjectOut(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ["id", "workspace_id", "name", "guide", "created_at"]


class ProjectIn(serializers.Serializer[Project]):
    workspace_id = serializers.IntegerField()
    name = serializers.CharField(max_length=120)
    guide = serializers.CharField(required=False, default="", allow_blank=True)
    labels = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, default=list
    )


class ProjectPatch(serializers.Serializer[Project]):
    name = serializers.CharField(max_length=120, required=False)
    guide = serializers.CharField(required=False, allow_blank=True)
    honeypot_percent = serializers.IntegerField(
        required=False, min_value=0, max_value=MOST_HONEYPOTS
    )


class ImageOut(serializers.ModelSerializer[Image]):
    class Meta:
        model = Image
        fields = [
            "id", "project_id", "name", "width", "height", "state", "review", "revision",
            "num_annotations", "num_predictions", "sha256", "size_bytes", "media_type",
            "created_at",
        ]  # fmt: skip


class ImageIn(serializers.Serializer[Image]):
    file = serializers.FileField(allow_empty_file=True)
    path = serializers.CharField(
        required=False,
        max_length=4096,
        help_text="What it is called: its path in a folder; else the file's name.",
    )

    def validate_path(self, path: str) -> str:
        parts = path.replace("\\", "/").split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or re.match("[A-Za-z]:[/\\\\]", path):
            raise serializers.ValidationError(
                _("{path} is no path within a folder").format(path=repr(path))
            )
        return "/".join(parts)


class HashesIn(serializers.Serializer[Image]):
    sha256 = serializers.ListField(
        child=serializers.RegexField(re.compile("^[0-9a-f]{64}$")), max_length=1000
    )


class KnownOut(serializers.Serializer[Any]):
    class Known(serializers.ModelSerializer[Image]):
        class Meta:
            model = Image
            fields = ["id", "sha256"]

    images = Known(many=True)


@extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
class GeometryField(serializers.Field[Any, Any, Any, Any]):
    """The rest of a row's shape, null where its box says it all."""

    def __init__(self) -> None:
        super().__init__(source="*", read_only=True)

    def to_representation(self, row: Annotation | Prediction) -> dict[str, Any] | None:
        return unpack(ShapeKind(row.kind), bytes(row.packed))


class AnnotationOut(serializers.ModelSerializer[Annotation]):
    id = serializers.UUIDField(source="uid")
    bbox = serializers.ListField(child=serializers.FloatField())
    geometry = GeometryField()

    class Meta:
        model = Annotation
        fields = [
            "id", "label_id", "kind", "bbox", "geometry", "source", "score", "attributes",
            "is_occluded", "is_truncated", "group", "layer",
        ]  # fmt: skip


class PredictionOut(serializers.ModelSerializer[Prediction]):
    id = serializers.UUIDField(source="uid")
    bbox = serializers.ListField(child=serializers.FloatField())
    geometry = GeometryField()

    class Meta:
        model = Prediction
        fields = ["id", "label_id", "kind", "bbox", "geometry", "score", "model"]


class JudgedPredictionOut(PredictionOut):
    is_rejected = serializers.BooleanField()

    class Meta(PredictionOut.Meta):
        fields = [*PredictionOut.Meta.fields, "is_rejected"]


class ProposalOut(PredictionOut):
    image_id = serializers.IntegerField()
    crop = serializers.SerializerMethodField()
    crop_url = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_crop(self, row: Prediction) -> tuple[int, int, int, int]:
        return around(row.bbox, (row.image.width, row.image.height))

    @extend_schema_field(str)
    def get_crop_url(self, row: Prediction) -> str:
        box = ",".join(map(str, self.get_crop(row)))
        url = reverse("labeling-api:crop", args=[row.image_id])
        return f"{url}?box={box}"

    class Meta(PredictionOut.Meta):
        fields = [*PredictionOut.Meta.fields, "image_id", "crop", "crop_url"]


class RejectionsIn(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=MAX_OPERATIONS
    )


class RejectedOut(serializers.Serializer[Any]):
    num_rejected = serializers.IntegerField()


class DecisionIn(serializers.Serializer[Any]):
    image_id = serializers.IntegerField()
    id = serializers.UUIDField(source="uid")
    says = serializers.ChoiceField([says.value for says in Says])
    label_id = serializers.IntegerField(required=False, allow_null=True)


class VerdictsIn(serializers.Serializer[Any]):
    verdicts = serializers.ListField(
        child=DecisionIn(), allow_empty=False, max_length=500
    )


class JudgedOut(serializers.Serializer[Any]):
    num_added = serializers.IntegerField()
    calibration = CalibrationOut()


class DocumentImage(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    url = serializers.CharField()
    thumbnail_url = serializers.CharField()
    tiles_url = serializers.CharField(
        allow_null=True, help_text="Of a very large image: draw its tiles, not url."
    )
    state = serializers.CharField()
    index = serializers.IntegerField()
    count = serializers.IntegerField()


class DocumentProject(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    guide = serializers.CharField()


class DocumentOut(serializers.Serializer[Any]):
    image = DocumentImage()
    project = DocumentProject()
    labels = LabelOut(many=True)
    revision = serializers.IntegerField()
    annotations = AnnotationOut(many=True)
    predictions = JudgedPredictionOut(many=True)
    previous_id = serializers.IntegerField(allow_null=True)
    next_id = serializers.IntegerField(allow_null=True)


class AnnotationIn(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    label_id = serializers.IntegerField()
    kind = serializers.ChoiceField([kind.value for kind in ShapeKind])
    bbox = serializers.ListField(
        child=serializers.FloatField(), min_length=4, max_length=4
    )
    geometry = serializers.DictField(required=False, allow_null=True, default=None)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field of that name
        [source.value for source in Source], default=Source.HUMAN
    )
    score = serializers.FloatField(
        min_value=0, max_value=1, allow_null=True, default=None
    )
    attributes = serializers.DictField(default=dict)
    is_occluded = serializers.BooleanField(default=False)
    is_truncated = serializers.BooleanField(default=False)
    group = serializers.UUIDField(allow_null=True, default=None)
    layer = serializers.IntegerField(default=0, min_value=-1000, max_value=1000)


class OperationIn(serializers.Serializer[Any]):
    op = serializers.ChoiceField(["put", "remove"])
    annotation = AnnotationIn(required=False)
    id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = "annotation" if attrs["op"] == "put" else "id"
        if needed not in attrs:
            raise serializers.ValidationError(
                {needed: _("{op} needs this").format(op=attrs["op"])}
            )
        return attrs


class OperationsIn(serializers.Serializer[Any]):
    operations = serializers.ListField(
        child=OperationIn(), allow_empty=False, max_length=MAX_OPERATIONS
    )


_OPERATIONS_IN = OperationsIn()


def read_operations(content: Any) -> list[Operation]:
    """Read a batch; one serializer for all requests, since making it costs more.

    Raises:
        ValidationError: It says what is wrong, field by field.
    """
    body = _OPERATIONS_IN.run_validation(content)
    return [_operation(row) for row in body["operations"]]


def _operation(row: dict[str, Any]) -> Operation:
    if row["op"] == "remove":
        return Remove(id=row["id"])
    shape = dict(row["annotation"])
    shape["bbox"] = tuple(shape["bbox"])
    return Put(
        shape=Shape(
            **{
                **shape,
                "kind": ShapeKind(shape["kind"]),
                "source": Source(shape["source"]),
            }
        )
    )


class RevisionOut(serializers.Serializer[Any]):
    revision = serializers.IntegerField()


class RestoreImageIn(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=0)


class RestoreProjectIn(serializers.Serializer[Any]):
    at = serializers.DateTimeField()


class RestoredOut(serializers.Serializer[Any]):
    num_images = serializers.IntegerField()


class SubmittedOut(serializers.Serializer[Any]):
    state = serializers.CharField()
    next_id = serializers.IntegerField(allow_null=True)


class HistoryOut(serializers.ModelSerializer[OperationLog]):
    user = serializers.CharField(source="user.email")

    class Meta:
        model = OperationLog
        fields = ["revision", "user", "operations", "at"]


class PrelabelIn(serializers.Serializer[Any]):
    model = serializers.CharField(required=False, default="", allow_blank=True)
    score_threshold = serializers.FloatField(min_value=0, max_value=1, default=0.2)
    image_ids = serializers.ListField(
        child=serializers.IntegerField(), required=False, allow_null=True, default=None
    )
