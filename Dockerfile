# The base is named by tag and not by digest, so that a rebuild takes in the distribution's security updates.
FROM python:3.11-slim-bookworm

# What WeasyPrint draws with, the OpenMP runtime that LightGBM links to, and git to read the audited commit. Debian
# keeps one version of a package for a release, so none is named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fonts-dejavu-core git libfontconfig1 libgomp1 libharfbuzz-subset0 libharfbuzz0b libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/*

# Wheels only, so no compiler is ever needed. Byte code is written here, once: a container starts cold on every run. The
# test suites of libraries are not needed to audit.
COPY requirements.lock /src/
RUN python -m venv --without-pip /opt/glassalpha \
    && pip --python /opt/glassalpha/bin/python install --no-cache-dir --require-hashes --only-binary :all: --compile \
        -r /src/requirements.lock \
    && find /opt/glassalpha -type d -name tests -prune -exec rm -rf {} +

COPY . /src
RUN /opt/glassalpha/bin/pip install --no-cache-dir --no-deps --no-build-isolation --compile /src && rm -rf /src

ENV PATH=/opt/glassalpha/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NO_MKDOCS_2_WARNING=1 GIT_OPTIONAL_LOCKS=0
# Root, because the runner's mounts are writable by their owner and by root only. Models run in a child process of another
# user, and everything written is handed to the workspace's owner.
ENTRYPOINT ["glassalpha", "action"]
