from apps.core.errors import ConflictError, DomainError


class BadCollectionError(DomainError):
    code = "bad_collection"


class ItemTakenError(ConflictError):
    """It is in the collection already."""

    code = "item_taken"
