"""A PostgreSQL server of the tests' own, and registries in it that are used with the least privileges."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from glassalpha_action.registry import connect
from tests.credentials import DATABASE as PASSWORD
from tests.credentials import found_in
from tests.registry.page import GRANTS

NUMBERS = count(1)


@dataclass(frozen=True)
class Server:
    """A running server: its folder, and the port it has on this host."""

    folder: Path
    port: int

    def admin(self, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            f"postgresql://postgres@/registries?host={self.folder}&port={self.port}", autocommit=True, **options
        )

    def url(self, name: str, user: str = "writer", password: str = PASSWORD) -> str:
        """The registry in the schema `name`, for a login with a password."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/registries?options=-csearch_path%3D{name}"

    def new_schema(self) -> str:
        name = f"registry_{next(NUMBERS)}"
        with self.admin() as admin:
            admin.execute(f"CREATE SCHEMA {name} AUTHORIZATION owner")
        return name

    def new_registry(self) -> str:
        """A new, empty registry that its owner made; the URL is that of a login that may only read and add."""
        name = self.new_schema()
        connect(self.url(name, "owner"), create=True).close()
        with self.admin() as admin:
            for sql in GRANTS:
                admin.execute(sql.format(schema=name, role="writer").encode())
        return self.url(name)

    def kill_connections(self, user: str = "writer") -> int:
        """Cut every connection of `user`, as a fail-over does; how many there were."""
        with self.admin() as admin:
            found = admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [user])
            return len(found.fetchall())


@contextmanager
def start() -> Iterator[Server]:
    """Start a server on a free port; raises OSError or CalledProcessError where it cannot be started."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="glassalpha-postgres-"))
    data, log = folder / "data", folder / "log"
    control = [*as_user, str(programs[-1] / "pg_ctl"), "-D", str(data)]
    try:
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        run([*as_user, str(programs[-1] / "initdb"), "-D", str(data), "-U", "postgres", "--auth-local=trust",
             "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])  # fmt: skip
        options = f"-k {folder} -h 127.0.0.1 -p {port} -c fsync=off"
        run([*control, "-w", "-o", options, "-l", str(log), "start"])
        try:
            server = Server(folder, port)
            _prepare(server)
            yield server
        finally:
            run([*control, "-m", "immediate", "stop"])
            assert found_in(log.read_text(errors="replace")) == [], "a password is in the server's log"
    finally:
        shutil.rmtree(folder)


def run(command: list[str]) -> None:
    # The server keeps what it inherits open, so that a pipe would never end.
    with tempfile.TemporaryFile() as said:
        if subprocess.run(command, stdout=said, stderr=said, check=False, cwd="/").returncode:
            said.seek(0)
            raise OSError(f"{command[-1]}: {said.read().decode(errors='replace')[-500:]}")


def _prepare(server: Server) -> None:
    url = f"postgresql://postgres@/postgres?host={server.folder}&port={server.port}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE registries")
        for role in ("owner", "writer", "stranger"):
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
