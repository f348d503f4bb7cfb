"""Clients of providers: optional packages, loaded by the first job that needs one."""

import importlib
from typing import Any

from django.utils.translation import gettext as _

from apps.deployments.targets.errors import Cause, TargetError

TIMEOUT_S = 20.0


def need(module: str, *, extra: str) -> Any:
    """Import a provider's client.

    Raises:
        TargetError: It is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if not module.startswith(str(error.name).partition(".")[0]):
            raise
        raise TargetError(
            Cause.MISSING,
            _("This target needs a package: pip install 'dsportal[{extra}]'").format(
                extra=extra
            ),
        ) from None
