"""HTTP without WebSockets, for servers that already have a socket process."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dsportal.settings.dev")

application = get_wsgi_application()
