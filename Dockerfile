FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements-venues.lock ./
RUN pip install --require-hashes -r requirements-venues.lock
COPY . .
ARG VERSION=0.0.0
RUN SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TRADING_ORCHESTRATOR=${VERSION} pip install --no-build-isolation --no-deps -e . \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin orchestrator \
    && install --directory --owner orchestrator --mode 0700 /data

USER orchestrator
VOLUME /data
EXPOSE 8000 5555
CMD ["orchestrator", "run", "web"]
