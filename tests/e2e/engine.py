"""A container engine for the tests: the one that runs where it can pull the base image, else one of our own.

Our own engine has no hub to pull from. Its base image is a stand-in: Debian's release with Python where the official
image has it, not bit-identical to it. What this machine's pip is told (indexes, certificates) is handed to the stand-in
while it is made, so that the project's Dockerfile builds unchanged.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from glassalpha_action.settings import under_ci, variables
from tests.credentials import found_in

ROOT = Path(__file__).parents[2]
BASE = "python:3.11-slim-bookworm"
RELEASE = "bookworm"
CACHE = ROOT / ".cache" / "e2e"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Engine:
    """A running engine, by the environment that leads a client to it."""

    environment: Mapping[str, str] = field(repr=False)

    def docker(self, *words: str, check: bool = True, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run `docker` with `words`; with `check`, a failure shows what it printed."""
        made = subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and made.returncode:
            pytest.fail(
                f"docker {' '.join(words)} exited {made.returncode}\n{made.stdout[-6000:]}\n{made.stderr[-6000:]}"
            )
        return made


def unavailable(reason: str) -> NoReturn:
    """Under CI a part that cannot start is a failure."""
    if under_ci():
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def start() -> Iterator[Engine]:
    """An engine that has the base image, stopped on leaving where it is our own."""
    if not shutil.which("docker"):
        unavailable("there is no docker client: install what tests/apt-packages.txt lists")
    own = {**variables(), "DOCKER_BUILDKIT": variables().get("DOCKER_BUILDKIT", "0")}
    running = Engine(own)
    if _answers(running):
        if running.docker("image", "inspect", BASE, check=False).returncode == 0 or _pulls(running):
            yield running
            return
        if not shutil.which("dockerd"):
            unavailable(f"the running engine cannot pull {BASE}")
    missing = [tool for tool in ("dockerd", "iptables", "mmdebstrap") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        unavailable(f"an engine of our own needs root and {', '.join(missing) or 'nothing else'}")
    with _own_engine(own) as engine:
        _stand_in(engine)
        yield engine


def _answers(engine: Engine) -> bool:
    return engine.docker("version", check=False, timeout=30).returncode == 0


def _pulls(engine: Engine) -> bool:
    try:
        return engine.docker("pull", BASE, check=False, timeout=180).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def _own_engine(environment: Mapping[str, str]) -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp(prefix="glassalpha-engine-"))
    engine = Engine({**environment, "DOCKER_HOST": f"unix://{folder}/docker.sock"})
    places = ["--data-root", folder / "data", "--exec-root", folder / "exec", "-p", folder / "dockerd.pid"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *places, "-H", f"unix://{folder}/docker.sock"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 60
        while not _answers(engine):
            if daemon.poll() is not None or time.monotonic() > deadline:
                unavailable(f"the container engine does not start:\n{(folder / 'log').read_text()[-3000:]}")
            time.sleep(0.3)
        yield engine
    finally:
        _stop(daemon)
        logged = (folder / "log").read_text(errors="replace")
        for mount in _mounts_under(folder):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    assert found_in(logged) == [], "a token is in the engine's log"


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(timeout=40)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _mounts_under(folder: Path) -> list[str]:
    """What is still mounted below `folder`, the deepest first."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((mount for mount in mounted if mount.startswith(f"{folder}/")), key=len, reverse=True)


def _stand_in(engine: Engine) -> None:
    engine.docker("import", str(_base_archive()), f"glassalpha-test/debian:{RELEASE}")
    with tempfile.TemporaryDirectory() as made:
        context = Path(made)
        lines = [
            f"FROM glassalpha-test/debian:{RELEASE}",
            "RUN python3 -m venv /usr/local",
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        bundle = Path(ssl.get_default_verify_paths().cafile or CERTIFICATES)
        if bundle.is_file():
            shutil.copy(bundle, context / "certificates.crt")
            lines.append(f"COPY certificates.crt {CERTIFICATES}")
        (context / "pip.conf").write_text(_pip_configuration())
        lines.append("COPY pip.conf /etc/pip.conf")
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        engine.docker("build", "--tag", BASE, str(context))


def _pip_configuration() -> str:
    """What this machine's pip is told about indexes, as far as it means something inside a container."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    kept = [f"cert = {CERTIFICATES}"]
    for line in told.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        words = [word for word in value.strip("'\"").split() if "://" not in word or word.startswith("http")]
        if option in {"index-url", "extra-index-url", "trusted-host", "proxy"} and words:
            kept.append(f"{option} = {' '.join(words)}")
    return "\n".join(["[global]", *dict.fromkeys(kept), ""])


def _base_archive() -> Path:
    """The distribution's files, made once for a checkout."""
    archive = CACHE / f"{RELEASE}-{os.uname().machine}.tar"
    if not archive.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = archive.with_suffix(f".{os.getpid()}.tar")
        made = subprocess.run(
            ["mmdebstrap", "--variant=minbase", "--include=ca-certificates,python3,python3-venv", RELEASE, str(fresh)],
            capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip
        if made.returncode:
            fresh.unlink(missing_ok=True)
            unavailable(f"the base image cannot be made:\n{made.stderr[-3000:]}")
        fresh.replace(archive)
    return archive
