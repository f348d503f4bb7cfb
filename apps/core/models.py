from django.conf import settings
from django.db import models


class TimeStamped(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class AnsweredRequest(models.Model):
    """What a POST with an Idempotency-Key was answered, so that a repeat is harmless."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], name="answered_request_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} -> {self.status}"


class CondemnedBlob(models.Model):
    """A blob that no row named when it was last looked at; it goes after its grace."""

    names_blobs = False
    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.sha256[:12]


class Collection(models.Model):
    """One look over the blob store: what it holds, and what was freed.

    Attributes:
        num_bytes: What all blobs take after it.
        num_condemned: Blobs that go at a later look unless a row names them again.
    """

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    num_blobs = models.PositiveBigIntegerField()
    num_bytes = models.PositiveBigIntegerField()
    num_condemned = models.PositiveBigIntegerField()
    num_freed = models.PositiveBigIntegerField()
    num_bytes_freed = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}: {self.num_freed} freed"
