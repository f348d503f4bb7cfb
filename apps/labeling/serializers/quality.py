from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.labeling.models import Merge
from apps.labeling.serializers.reviewing import MOST_AT_ONCE
from apps.labeling.services.overlap import MOST_PEOPLE


class FigureOut(serializers.Serializer[Any]):
    """A figure with its 95 % interval, and the images behind it."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    num = serializers.IntegerField()


class ComparedOut(serializers.Serializer[Any]):
    image_id = serializers.IntegerField()
    f1 = serializers.FloatField()


class CardOut(serializers.Serializer[Any]):
    user = serializers.CharField(source="user.email")
    num_submitted = serializers.IntegerField()
    num_sent_back = serializers.IntegerField()
    active_s = serializers.FloatField(source="pace.active_s")
    num_changes = serializers.IntegerField(source="pace.num_changes")
    s_per_change = serializers.FloatField(allow_null=True)
    agreement = FigureOut(allow_null=True)
    tests = FigureOut(allow_null=True)
    num_missed = serializers.IntegerField()
    num_extra = serializers.IntegerField()
    num_confused = serializers.IntegerField()


class QualityOut(serializers.Serializer[Any]):
    f1 = FigureOut(allow_null=True)
    alpha = FigureOut(allow_null=True)
    num_shared = serializers.IntegerField()
    num_ready = serializers.IntegerField()
    num_merged = serializers.IntegerField()
    disputed = serializers.ListField(child=serializers.IntegerField())
    num_truths = serializers.IntegerField()
    honeypot_percent = serializers.IntegerField()
    least_alike = ComparedOut(many=True)
    cards = CardOut(many=True)


def _image_ids(*, required: bool = True) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(),
        min_length=1,
        max_length=MOST_AT_ONCE,
        required=required,
    )


class OverlapIn(serializers.Serializer[Any]):
    """Either which images, or how many drawn by lot."""

    image_ids = _image_ids(required=False)
    num_images = serializers.IntegerField(required=False, min_value=1)
    num_people = serializers.IntegerField(min_value=1, max_value=MOST_PEOPLE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("image_ids" in attrs) == ("num_images" in attrs):
            raise serializers.ValidationError(
                {"image_ids": _("say either which images or how many")}
            )
        return attrs


class TruthsIn(serializers.Serializer[Any]):
    image_ids = _image_ids()
    is_truth = serializers.BooleanField(default=True)


class ChangedOut(serializers.Serializer[Any]):
    image_ids = serializers.ListField(child=serializers.IntegerField())


class MergeIn(serializers.Serializer[Any]):
    image_ids = _image_ids(required=False)


class MergeOut(serializers.ModelSerializer[Merge]):
    class Meta:
        model = Merge
        fields = ["image_id", "num_people", "num_disputed", "before", "after"]
