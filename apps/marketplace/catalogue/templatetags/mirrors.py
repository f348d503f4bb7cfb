from django import template

from apps.marketplace.catalogue import selectors
from apps.marketplace.catalogue.models import Mirror
from apps.marketplace.models import Model

register = template.Library()


@register.simple_tag
def mirror_of(model: Model) -> Mirror | None:
    """What a model follows, where it was fetched."""
    return selectors.mirror_of(model)
