#!/bin/sh
# Proxies whose X-Forwarded-For is believed: FORWARDED_ALLOW_IPS, as uvicorn reads it.
set -eu
export DSPORTAL_ROLE=web
exec python -m uvicorn dsportal.asgi:application --host 0.0.0.0 --port 8000 \
  --workers "${WEB_PROCESSES:-2}" --lifespan off --no-access-log --no-server-header --log-level warning \
  --timeout-graceful-shutdown 8
