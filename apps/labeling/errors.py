from apps.core.errors import ConflictError, DomainError


class BadImageError(DomainError):
    """What came is not an image that we take."""

    code = "bad_image"


class RevisionConflictError(ConflictError):
    """Somebody else changed the image since the client last saw it."""

    code = "revision_conflict"
    status = 412


class BadOperationError(DomainError):
    code = "bad_operation"


class BadRegionError(DomainError):
    code = "bad_region"


class TilesNotReadyError(ConflictError):
    """A very large image is seen through tiles, which a worker has yet to cut."""

    code = "tiles_not_ready"


class NoSuchMomentError(DomainError):
    code = "no_such_moment"


class BadRemarkError(DomainError):
    code = "bad_remark"


class BadViewError(DomainError):
    code = "bad_view"


class NotSubmittedError(ConflictError):
    code = "not_submitted"


class LabelInUseError(ConflictError):
    code = "label_in_use"


class DuplicateLabelError(ConflictError):
    code = "duplicate_label"


class FormatError(DomainError):
    """A file is not what it should be; says where and why."""

    code = "bad_file"


class UnknownFormatError(DomainError):
    code = "unknown_format"


class NothingToFreezeError(DomainError):
    code = "nothing_to_freeze"


class BadMergeError(DomainError):
    """Two versions that cannot be merged; says which two can."""

    code = "bad_merge"


class BadOverlapError(DomainError):
    code = "bad_overlap"


class NothingToMergeError(ConflictError):
    code = "nothing_to_merge"


class NothingToUndoError(ConflictError):
    code = "nothing_to_undo"


class BadAssigneeError(DomainError):
    code = "bad_assignee"


class BadRuleError(DomainError):
    code = "bad_rule"
