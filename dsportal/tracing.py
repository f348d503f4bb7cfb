"""Whether this process is traced; ``dsportal.spans`` does it."""

import os
from importlib import import_module

from django.core.exceptions import ImproperlyConfigured

ADDRESSES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROBES = "healthz,metrics"  # asked every few seconds: nobody's request


def start(service: str) -> None:
    """Trace under the name of a service where an exporter has an address.

    Threads do not survive a fork: a forked process calls this itself.

    Raises:
        ImproperlyConfigured: An exporter has an address, but its packages are missing.
    """
    if not any(os.environ.get(name) for name in ADDRESSES):
        return
    os.environ.setdefault("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", PROBES)
    try:
        spans = import_module("dsportal.spans")
    except ImportError as exc:
        raise ImproperlyConfigured(
            f"{ADDRESSES[0]} is set, but {exc.name} is missing: "
            "pip install 'dsportal[tracing]', or unset it"
        ) from exc
    spans.export(service)
