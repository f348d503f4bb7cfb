from typing import Any

from rest_framework import serializers

from apps.labeling.formats.registry import FORMATS


class ExportIn(serializers.Serializer[Any]):
    form = serializers.ChoiceField(list(FORMATS))
    only_submitted = serializers.BooleanField(default=False)
    version_id = serializers.IntegerField(required=False, allow_null=True, default=None)
    with_images = serializers.BooleanField(default=False)


class ImportIn(serializers.Serializer[Any]):
    file = serializers.FileField()
    form = serializers.ChoiceField(list(FORMATS))
    is_dry_run = serializers.BooleanField(default=False)
    is_replacing = serializers.BooleanField(default=False)
