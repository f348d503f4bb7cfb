from apps.core.errors import DomainError


class BadRecipeError(DomainError):
    """A number that no run could use; the message names it."""

    code = "bad_recipe"


class BaseDoesNotFitError(DomainError):
    """The model to begin with is of another architecture than the recipe."""

    code = "base_does_not_fit"


class TooSmallError(DomainError):
    """The dataset version has nothing to learn from, or nothing to measure by."""

    code = "dataset_too_small"


class NotExportedError(DomainError):
    """The other tool did not take it."""

    code = "not_exported"
    status = 502
