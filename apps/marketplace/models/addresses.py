"""Where repositories lived before they were renamed."""

from django.db import models
from django.db.models.functions import Lower

from apps.marketplace.models.repositories import KIND_CHOICES, Model, Namespace


class OldAddress(models.Model):
    """Leads to a repository until another one lives there; none is in use meanwhile."""

    kind = models.CharField(max_length=8, choices=KIND_CHOICES)
    namespace = models.ForeignKey(
        Namespace, on_delete=models.CASCADE, related_name="old_addresses"
    )
    name = models.CharField(max_length=96)
    model = models.ForeignKey(
        Model, on_delete=models.CASCADE, related_name="old_addresses"
    )
    left_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "kind", "namespace", Lower("name"), name="old_address_any_case"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.namespace.name}/{self.name}"
