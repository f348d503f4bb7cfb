from typing import Any

from rest_framework import serializers

from apps.labeling.services.gathering import LEAST_EVERY_S, MOST_EVERY_S
from apps.labeling.sources.addresses import MAX_ADDRESSES


class GatherFileIn(serializers.Serializer[Any]):
    file = serializers.FileField()
    every_s = serializers.FloatField(
        default=1.0, min_value=LEAST_EVERY_S, max_value=MOST_EVERY_S
    )


class GatherAddressesIn(serializers.Serializer[Any]):
    urls = serializers.ListField(
        child=serializers.CharField(max_length=2000), max_length=MAX_ADDRESSES
    )


class GatherBucketIn(serializers.Serializer[Any]):
    bucket = serializers.CharField(max_length=100)
    folder = serializers.CharField(
        max_length=1000, required=False, default="", allow_blank=True
    )


class BucketsOut(serializers.Serializer[Any]):
    buckets = serializers.ListField(child=serializers.CharField())
