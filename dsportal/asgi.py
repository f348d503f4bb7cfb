"""One process, one port: pages in a thread pool, the rest on the event loop.

Django's own ASGI handler spends about three times the CPU of its WSGI handler on a
plain request (docs/decisions/003), so HTTP goes through a2wsgi.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dsportal.settings.dev")
os.environ.setdefault("DSPORTAL_ROLE", "web")

from a2wsgi.asgi_typing import Receive, Scope, Send
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from dsportal import tracing
from dsportal.responder import ThreadedWSGI

tracing.start("dsportal-web")
_django = get_wsgi_application()

from dsportal.handover import (  # noqa: E402 -- needs loaded apps
    keep_slashes_quoted,
    noting_files,
    sending_files,
)

_http = sending_files(
    ThreadedWSGI(noting_files(_django), workers=settings.HTTP_THREADS)
)


from apps.deployments.gateway.app import PREFIX, Gateway  # noqa: E402 -- needs loaded apps
from dsportal.routing import websocket_urlpatterns  # noqa: E402

_gateway = Gateway()

_websocket = AllowedHostsOriginValidator(
    AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and scope["path"].startswith(PREFIX):
        await _gateway(scope, receive, send)
    elif scope["type"] == "http":
        keep_slashes_quoted(scope)
        await _http(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
