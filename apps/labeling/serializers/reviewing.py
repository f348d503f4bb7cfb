from typing import Any

from rest_framework import serializers

from apps.labeling.models import Remark
from apps.labeling.services.reviewing import MAX_CHARS

MOST_AT_ONCE = 1000


class RemarkOut(serializers.ModelSerializer[Remark]):
    author = serializers.StringRelatedField[Any]()
    pin = serializers.SerializerMethodField()

    class Meta:
        model = Remark
        fields = ["id", "author", "text", "pin", "created_at", "settled_at"]

    def get_pin(self, row: Remark) -> list[float] | None:
        return None if row.x is None or row.y is None else [row.x, row.y]


class RemarkIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=MAX_CHARS)
    pin = serializers.ListField(
        child=serializers.FloatField(),
        min_length=2,
        max_length=2,
        required=False,
        allow_null=True,
        default=None,
    )

    def parsed(self) -> dict[str, Any]:
        pin = self.validated_data["pin"]
        return {"text": self.validated_data["text"], "pin": tuple(pin) if pin else None}


class AcceptIn(serializers.Serializer[Any]):
    image_ids = serializers.ListField(
        child=serializers.IntegerField(), min_length=1, max_length=MOST_AT_ONCE
    )


class AcceptOut(serializers.Serializer[Any]):
    accepted = serializers.ListField(child=serializers.IntegerField())
    next_id = serializers.IntegerField(allow_null=True)


class SentBackOut(serializers.Serializer[Any]):
    state = serializers.CharField()
    review = serializers.CharField()
    next_id = serializers.IntegerField(allow_null=True)
