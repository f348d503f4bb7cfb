# Two images from one file: `web` (pages and API) and `worker` (adds PyTorch's CPU
# build). Build from the repository's root:
#   docker build --file docker/web.Dockerfile --target web .

FROM node:24-slim AS frontend
WORKDIR /build
COPY static/package.json static/package-lock.json static/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY static/ ./
RUN npm run build

FROM python:3.13-slim AS web
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 UV_COMPILE_BYTECODE=1 \
    DJANGO_SETTINGS_MODULE=dsportal.settings.dev DSPORTAL_VAR=/data
RUN pip install --no-cache-dir uv \
    && useradd --uid 10001 --create-home portal \
    && install --directory --owner portal /data
WORKDIR /portal
COPY requirements.txt ./
RUN uv pip install --system --no-cache --requirement requirements.txt
COPY pyproject.toml README.md LICENSE manage.py ./
COPY dsportal/ dsportal/
COPY apps/ apps/
COPY gpu_workers/ gpu_workers/
COPY templates/ templates/
COPY locale/ locale/
COPY static/css/ static/css/
COPY static/img/ static/img/
COPY --from=frontend /build/dist/ static/dist/
COPY docker/entrypoints/ /entrypoints/
RUN uv pip install --system --no-cache --no-deps --editable .
USER portal
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["sh", "/entrypoints/web.sh"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

FROM web AS worker
ARG TORCH=torch==2.13.0
USER root
RUN uv pip install --system --no-cache --torch-backend cpu "$TORCH"
USER portal
HEALTHCHECK NONE
ENTRYPOINT ["sh", "/entrypoints/worker.sh"]
