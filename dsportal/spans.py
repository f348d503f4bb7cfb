"""OpenTelemetry: one trace from a request into the worker that does its job.

OpenTelemetry's own variables configure it; its packages are the extra ``tracing``.
"""

import os
from typing import Any

from celery import signals
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def export(service: str) -> None:
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    signals.task_prerun.connect(_name_the_job)


def _name_the_job(kwargs: dict[str, Any], **_more: Any) -> None:
    if "job_id" in kwargs:
        span = trace.get_current_span()
        span.set_attribute("dsportal.job_id", str(kwargs["job_id"]))
