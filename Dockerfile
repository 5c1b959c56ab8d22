# syntax=docker/dockerfile:1
# Two stages: the first may have compilers and a package manager, the second runs bulkconn and no more.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/bulkconn \
 && python -m pip install --no-cache-dir --require-hashes -r requirements/build.lock \
 && /opt/bulkconn/bin/pip install --no-cache-dir --require-hashes -r requirements/image.lock
COPY pyproject.toml README.md LICENSE ./
COPY bulkconn/ bulkconn/
RUN python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/bulkconn/bin/pip install --no-cache-dir --no-deps /dist/*.whl

FROM python:${PYTHON}-slim
COPY --from=build /opt/bulkconn /opt/bulkconn
# Ledger files live in /data: give it a volume on a local disk. SQLite's log must not lie on a network one.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bulkconn \
 && install --directory --owner=bulkconn --group=bulkconn --mode=0700 /data
# Nothing is written but in /data and /tmp: the root file system may be read-only.
ENV PATH=/opt/bulkconn/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number: Kubernetes cannot tell from a name that it is not root's.
USER 10001:10001
WORKDIR /data
VOLUME /data
# bulkconn is process 1 and gets SIGTERM itself: it drains, and leaves the ledger whole.
STOPSIGNAL SIGTERM
# Asks what a worker serves; a command that serves nothing is as healthy as its process.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["python", "-c", \
  "import os, urllib.request as u; p = os.getenv('BULKCONN_WORKER_METRICS_PORT'); p and u.urlopen(f'http://127.0.0.1:{p}/healthz')"]
ENTRYPOINT ["bulkconn"]
CMD ["--help"]
