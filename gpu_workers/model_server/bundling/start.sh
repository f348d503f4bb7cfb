#!/bin/sh
# Serves the model of this bundle; needs nothing but a Python of the version that
# bundle.json names. The first start installs the lock into .venv, without a network.
#   PYTHON=python3.11 HOST=0.0.0.0 ./start.sh --port 8080
#   ./start.sh --prepare     only installs
set -eu
cd "$(dirname "$0")"
if [ ! -e .venv/ready ]; then
    sha256sum --check --quiet SHA256SUMS
    "${PYTHON:-python3}" -m venv .venv
    .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check \
        --no-index --find-links wheels --require-hashes --requirement requirements.lock
    touch .venv/ready
fi
case "${1:-}" in
    --prepare) exit 0 ;;
    serve) shift ;; # what SageMaker says
esac
model=model
if [ -f /opt/ml/model/config.json ]; then model=/opt/ml/model; fi
exec .venv/bin/python -m model_server "$(cat NAME)=$model" --host "${HOST:-127.0.0.1}" "$@"
