#!/bin/sh
# Keep the replicas of this host's endpoints.
set -eu
export DSPORTAL_ROLE=replicas
exec python manage.py keep_replicas
