from typing import Any

from rest_framework import serializers

from apps.labeling.models import AllocationRule
from apps.labeling.models.images import STATE_CHOICES
from apps.labeling.serializers.reviewing import MOST_AT_ONCE
from apps.labeling.services.assigning import NewRule


class AssignIn(serializers.Serializer[Any]):
    image_ids = serializers.ListField(
        child=serializers.IntegerField(), min_length=1, max_length=MOST_AT_ONCE
    )
    assignee_id = serializers.IntegerField(allow_null=True)
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class RuleIn(serializers.Serializer[Any]):
    people = serializers.ListField(child=serializers.IntegerField(), min_length=1)
    state = serializers.ChoiceField(STATE_CHOICES, required=False, allow_blank=True)
    name_part = serializers.CharField(required=False, allow_blank=True, max_length=255)
    label_id = serializers.IntegerField(required=False, allow_null=True)
    min_score = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=1
    )
    max_score = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=1
    )
    due_in_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=3650
    )

    def parsed(self) -> NewRule:
        return NewRule(**self.validated_data)


class RuleOut(serializers.ModelSerializer[AllocationRule]):
    people = serializers.SerializerMethodField()

    class Meta:
        model = AllocationRule
        fields = [
            "id", "people", "state", "name_part", "label_id", "min_score", "max_score",
            "due_in_days",
        ]  # fmt: skip

    def get_people(self, rule: AllocationRule) -> list[str]:
        return [person.email for person in rule.people.all()]


class WorkloadOut(serializers.Serializer[Any]):
    user_id = serializers.IntegerField(source="person.pk")
    user = serializers.CharField(source="person.email")
    num_open = serializers.IntegerField()
    num_overdue = serializers.IntegerField()
    num_submitted = serializers.IntegerField()
    next_due_at = serializers.DateTimeField(allow_null=True)


class GivenOut(serializers.Serializer[Any]):
    num_images = serializers.IntegerField()
