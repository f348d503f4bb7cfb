from apps.core.errors import ConflictError, DomainError, ForbiddenError


class RoleTooLowError(ForbiddenError):
    code = "role_too_low"


class LastOwnerError(ConflictError):
    code = "last_owner"


class InvitationError(DomainError):
    code = "invitation_not_valid"
    status = 410


class AlreadyMemberError(ConflictError):
    code = "already_member"
