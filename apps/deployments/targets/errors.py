from enum import StrEnum

from django.utils.translation import gettext as _

from apps.core.errors import ConflictError, DomainError


class Cause(StrEnum):
    """Why a target said no, in one word that lists and programs can use."""

    CREDENTIALS = "target_credentials"
    PERMISSION = "target_permission"
    QUOTA = "target_quota"
    UNREACHABLE = "target_unreachable"
    TIMEOUT = "target_timeout"
    REJECTED = "target_rejected"
    BROKEN = "target_broken"
    MISSING = "target_client_missing"


class TargetError(DomainError):
    """A target did not do what it was asked; the message ends with the next step."""

    status = 502

    def __init__(self, cause: Cause, said: str) -> None:
        super().__init__(f"{said.strip().rstrip('.')}. {next_step(cause)}")
        self.code = cause.value
        self.cause = cause


class BadOptionError(DomainError):
    code = "bad_option"


class UnknownTargetError(DomainError):
    code = "unknown_target"


class BadCredentialError(DomainError):
    code = "bad_credential"


class PlanChangedError(ConflictError):
    """What was confirmed is not what would be done."""

    code = "plan_changed"


class WrongStateError(ConflictError):
    code = "wrong_state"


def next_step(cause: Cause) -> str:
    steps = {
        Cause.CREDENTIALS: _("Renew the credential, choose it here, and try again."),
        Cause.PERMISSION: _(
            "Grant the permissions that the plan lists, then try again."
        ),
        Cause.QUOTA: _(
            "Ask the provider for a higher quota, or plan fewer or smaller machines."
        ),
        Cause.UNREACHABLE: _(
            "Check the address and this server's way out, then try again."
        ),
        Cause.TIMEOUT: _("Look at the resource's log at the provider, then try again."),
        Cause.REJECTED: _("Change what the message names, and plan anew."),
        Cause.BROKEN: _("Look at the provider's status page, then try again."),
        Cause.MISSING: _("Then restart the workers and try again."),
    }
    return steps[cause]
