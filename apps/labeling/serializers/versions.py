from typing import Any

from rest_framework import serializers

from apps.labeling.models import DatasetVersion
from apps.labeling.types import MergeRule, Shares


class VersionOut(serializers.ModelSerializer[DatasetVersion]):
    created_by = serializers.CharField(source="created_by.email")
    classes = serializers.SerializerMethodField()
    splits = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = DatasetVersion
        fields = [
            "id", "project_id", "number", "note", "content_hash", "classes", "splits",
            "only_submitted", "num_images", "num_annotations", "parent_id",
            "merged_id", "ancestor_id", "merge_rule", "num_conflicts", "created_by",
            "created_at",
        ]  # fmt: skip

    def get_classes(self, row: DatasetVersion) -> list[str]:
        return [label["name"] for label in row.taxonomy]


class VersionIn(serializers.Serializer[Any]):
    note = serializers.CharField(
        max_length=300, required=False, default="", allow_blank=True
    )
    only_submitted = serializers.BooleanField(default=True)
    train = serializers.IntegerField(min_value=0, max_value=100, required=False)
    val = serializers.IntegerField(min_value=0, max_value=100, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("train" in attrs) != ("val" in attrs):
            raise serializers.ValidationError({"val": "give train and val together"})
        try:
            given = {name: attrs[name] for name in ("train", "val") if name in attrs}
            self.shares = Shares(**given) if given else None
        except ValueError as exc:
            raise serializers.ValidationError({"val": str(exc)}) from exc
        return attrs

    def parsed(self) -> dict[str, Any]:
        return {
            "note": self.validated_data["note"],
            "only_submitted": self.validated_data["only_submitted"],
            "shares": self.shares,
        }


class TallyOut(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    changed = serializers.IntegerField()


class ClassTallyOut(TallyOut):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name


class ExampleOut(TallyOut):
    name = serializers.CharField()
    difference = serializers.ChoiceField(["added", "removed", "changed"])


class DifferenceOut(serializers.Serializer[Any]):
    images = TallyOut()
    moved = serializers.IntegerField()
    annotations = TallyOut()
    classes = ClassTallyOut(many=True)
    labels_added = serializers.ListField(child=serializers.CharField())
    labels_removed = serializers.ListField(child=serializers.CharField())
    labels_renamed = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField())
    )
    examples = ExampleOut(many=True)


class MergeVersionsIn(serializers.Serializer[Any]):
    other_id = serializers.IntegerField(min_value=1)
    rule = serializers.ChoiceField(
        [rule.value for rule in MergeRule], default=MergeRule.UNION.value
    )
    note = serializers.CharField(
        max_length=300, required=False, default="", allow_blank=True
    )

    def validate_rule(self, given: str) -> MergeRule:
        return MergeRule(given)


class MergedImagesOut(serializers.Serializer[Any]):
    """How many images; here is the version that is merged into."""

    only_here = serializers.IntegerField()
    only_there = serializers.IntegerField()
    changed_here = serializers.IntegerField()
    changed_there = serializers.IntegerField()
    removed_here = serializers.IntegerField()
    removed_there = serializers.IntegerField()
    conflict = serializers.IntegerField()
    equal = serializers.IntegerField()


class MergePreviewOut(serializers.Serializer[Any]):
    ancestor_id = serializers.IntegerField(allow_null=True)
    images = MergedImagesOut()
    num_moved = serializers.IntegerField()
    num_resplit = serializers.IntegerField()
    labels_added = serializers.ListField(child=serializers.CharField())
    is_needless = serializers.BooleanField()
    conflicts = ExampleOut(many=True)
