# syntax=docker/dockerfile:1
# Two stages: one builds the wheel, the page of the admin in it; the other has Python, the wheel and nothing else.
#   docker build -t pipeline .
#   docker run --env-file .env -p 4096:4096 -v pipeline:/data pipeline

FROM python:3.13-slim AS build
WORKDIR /build
COPY . .
RUN pip install --no-cache-dir "hatchling>=1.28" build \
 && python -m build --wheel --outdir /wheel \
 && python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements-docker.txt \
 && /venv/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --home-dir /data pipeline
COPY --from=build /venv /venv
USER pipeline
WORKDIR /data
VOLUME /data
EXPOSE 4096
# A container is reached from outside: so nobody gets in without a key, and the admin page is not only for loopback.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIPELINE_SERVER__HOST=0.0.0.0 \
    PIPELINE_AUTH__REQUIRED=true \
    PIPELINE_ADMIN__REMOTE=true \
    PIPELINE_STORE__FILE=/data/pipeline.db
HEALTHCHECK --interval=15s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "import os, urllib.request as r; port = os.environ.get('PIPELINE_SERVER__PORT', 4096); r.urlopen(f'http://127.0.0.1:{port}/health/liveness', timeout=2)"]
ENTRYPOINT ["python", "-m", "pipeline"]
