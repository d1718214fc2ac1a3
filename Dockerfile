# The base is named by tag and not by digest, so that a rebuild takes in the distribution's security updates.
FROM python:3.11-slim-bookworm AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock /src/
# Byte code is written here, once: a container starts cold on every run. Test suites of libraries are not needed to audit.
RUN python -m venv --without-pip /opt/glassalpha \
    && pip --python /opt/glassalpha/bin/python install --require-hashes --only-binary :all: --compile -r /src/requirements.lock \
    && find /opt/glassalpha -type d -name tests -prune -exec rm -rf {} +

FROM dependencies AS wheel
WORKDIR /src
COPY . .
RUN /opt/glassalpha/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
# What WeasyPrint draws with, and git to read the audited commit. The workspace belongs to the runner's user, whichever that
# is, so git is told to read it all the same; a bare repository inside it is never trusted. Debian keeps one version of a
# package for a release, so none is named.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fonts-dejavu-core git libfontconfig1 libharfbuzz-subset0 libharfbuzz0b libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*' \
    && git config --system safe.bareRepository explicit
COPY --from=dependencies /opt/glassalpha /opt/glassalpha
COPY --from=wheel /wheels /wheels
ENV PATH=/opt/glassalpha/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 NO_MKDOCS_2_WARNING=1
RUN pip --python /opt/glassalpha/bin/python install --no-cache-dir --no-deps --no-index --compile /wheels/*.whl
# Root, because the runner's mounts are writable by their owner and by root only. Models run in a child process of another
# user, and everything written is handed to the workspace's owner.
ENTRYPOINT ["glassalpha", "action"]
