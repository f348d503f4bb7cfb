"""A label and what is asked of its objects, as the API states them."""

import re
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.labeling.formats.attributes import problem_of
from apps.labeling.models import Label
from apps.labeling.models.images import KIND_CHOICES
from apps.labeling.types import AttributeKind

COLOR = re.compile("^#[0-9a-fA-F]{6}$")
HOTKEY = re.compile("^[0-9a-z]$")


class WhenIn(serializers.Serializer[Any]):
    """An attribute is asked only where another, above it, was answered with a value."""

    name = serializers.CharField(max_length=60)
    value = serializers.JSONField(
        help_text="One of its options, or whether it is ticked."
    )


class AttributeIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    kind = serializers.ChoiceField([kind.value for kind in AttributeKind])
    options = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, max_length=200
    )
    when = WhenIn(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == AttributeKind.SELECT and not attrs.get("options"):
            raise serializers.ValidationError({"options": _("a select needs options")})
        return attrs


class SkeletonIn(serializers.Serializer[Any]):
    joints = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=200
    )
    edges = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(min_value=0), min_length=2, max_length=2
        ),
        required=False,
        default=list,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        last = len(attrs["joints"]) - 1
        if any(end > last for edge in attrs["edges"] for end in edge):
            raise serializers.ValidationError(
                {"edges": _("joints are numbered from 0 to {last}").format(last=last)}
            )
        return attrs


class KindsIn(serializers.ListField):
    """How objects of a label may be drawn; empty for any kind."""

    child = serializers.ChoiceField(KIND_CHOICES)


class LabelOut(serializers.ModelSerializer[Label]):
    kinds = KindsIn()
    attributes = AttributeIn(many=True)
    skeleton = serializers.SerializerMethodField()

    @extend_schema_field(SkeletonIn(allow_null=True))
    def get_skeleton(self, row: Label) -> dict[str, Any] | None:
        return row.skeleton or None

    class Meta:
        model = Label
        fields = ["id", "name", "color", "hotkey", "kinds", "attributes", "skeleton"]


class SchemaIn(serializers.Serializer[Label]):
    """What both a new label and a changed one may say."""

    kinds = KindsIn(required=False)
    attributes = AttributeIn(many=True, required=False)
    skeleton = SkeletonIn(required=False, allow_null=True)

    def validate_attributes(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if problem := problem_of(rows):
            raise serializers.ValidationError(problem)
        return rows


class LabelIn(SchemaIn):
    name = serializers.CharField(max_length=120)
    color = serializers.RegexField(COLOR, required=False, default="")
    hotkey = serializers.RegexField(
        HOTKEY, required=False, default="", allow_blank=True
    )


class LabelPatch(SchemaIn):
    name = serializers.CharField(max_length=120, required=False)
    color = serializers.RegexField(COLOR, required=False)
    hotkey = serializers.RegexField(HOTKEY, required=False, allow_blank=True)
