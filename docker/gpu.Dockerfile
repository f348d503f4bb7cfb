# A worker with PyTorch as published (CUDA comes with its wheels; the host needs the
# NVIDIA driver and the container toolkit). Build from the repository's root:
#   docker build --file docker/gpu.Dockerfile .

FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 UV_COMPILE_BYTECODE=1 \
    DJANGO_SETTINGS_MODULE=dsportal.settings.dev DSPORTAL_VAR=/data \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    QUEUES=gpu CONCURRENCY=1
ARG TORCH=torch==2.13.0
RUN pip install --no-cache-dir uv \
    && useradd --uid 10001 --create-home portal \
    && install --directory --owner portal /data
RUN uv pip install --system --no-cache "$TORCH"
WORKDIR /portal
COPY requirements.txt ./
RUN uv pip install --system --no-cache --requirement requirements.txt
COPY pyproject.toml README.md LICENSE manage.py ./
COPY dsportal/ dsportal/
COPY apps/ apps/
COPY gpu_workers/ gpu_workers/
COPY templates/ templates/
COPY locale/ locale/
COPY docker/entrypoints/ /entrypoints/
RUN uv pip install --system --no-cache --no-deps --editable .
USER portal
VOLUME /data
ENTRYPOINT ["sh", "/entrypoints/worker.sh"]
