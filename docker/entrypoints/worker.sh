#!/bin/sh
set -eu
export DSPORTAL_ROLE=worker
exec python -m celery --quiet --app dsportal worker --queues "${QUEUES:-cpu,gpu,io}" \
  --concurrency "${CONCURRENCY:-2}" --loglevel warning --without-gossip --without-mingle
