"""Bare repositories as remotes, over a path and over HTTP, and what the tests of the ledger put into them."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from glassalpha_action.registry import rows
from glassalpha_action.registry.ledger import BRANCH
from glassalpha_action.registry.patience import Patience
from tests.registry import judged
from tests.registry.backends import NOW

IDENTITY = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org", "-c", "commit.gpgSign=false")
AT_ONCE = Patience(sleep=lambda _: None)


def git(folder: Path, *arguments: str, given: bytes | None = None) -> str:
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, input=given)
    return done.stdout.decode().strip()


def bare(path: Path) -> Path:
    """An empty repository that serves partial clones, as git hosts do."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    git(path, "config", "uploadpack.allowFilter", "true")
    git(path, "config", "http.receivepack", "true")
    return path


def entry(name: str, day: str = "2025-01-05", stage: rows.Stage = "main") -> rows.Entry:
    return rows.audit_entry(judged.audit(name, as_of=day), stage, NOW, {"team": "credit"}, "ada")


def event(subject: str = "credit-risk") -> rows.Entry:
    return rows.event_entry(rows.Event("training.held", subject, NOW, "Ada", {"attendees": 12}))


def rewrite(remote: Path, change: str, force: bool = False) -> None:
    """Change the ledger's branch by a shell script that runs in a checkout of it; committed and pushed by a user."""
    work = remote.parent / f"work-{os.urandom(4).hex()}"
    git(remote.parent, "clone", "--quiet", "--branch", BRANCH, str(remote), str(work))
    subprocess.run(["sh", "-ec", change], cwd=work, check=True, capture_output=True)
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--allow-empty", "--message", "tampered")
    git(work, "push", "--quiet", *(["--force"] if force else []), "origin", f"HEAD:{BRANCH}")


def digest_of(folder: Path) -> str:
    """The digest of every file below `folder`, and of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


class Served:
    """What an HTTP server of repositories was asked; `fail` holds status codes to answer the next pushes with."""

    def __init__(self, root: Path, secret: str) -> None:
        self.root, self.secret = root, secret
        self.url = ""
        self.received = 0
        self.headers: list[str] = []
        self.fail: list[int] = []
        self.lose = 0


@contextmanager
def serve(root: Path, secret: str) -> Iterator[Served]:
    """`git http-backend` for the repositories under `root`, for whoever sends `secret` as x-access-token's password."""
    served = Served(root, secret)
    path_variable = os.environ["PATH"]
    expected = "Basic " + base64.b64encode(f"x-access-token:{secret}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.body()
            served.headers.append(self.headers.get("Authorization", ""))
            push = path.endswith("git-receive-pack")
            if self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()
                return
            if push and served.fail:
                self.send_response(served.fail.pop(0))
                self.end_headers()
                return
            environment = {
                "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
                "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "REMOTE_USER": "ada",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "PATH": path_variable,
                "CONTENT_LENGTH": str(len(body)),
            }  # fmt: skip
            out = subprocess.run(
                [shutil.which("git", path=path_variable) or "git", "http-backend"],
                input=body, capture_output=True, env=environment, check=True,
            ).stdout  # fmt: skip
            head, _, content = out.partition(b"\r\n\r\n")
            if push and served.lose:
                served.lose -= 1
                self.close_connection = True
                return
            lines = [line.split(": ", 1) for line in head.decode().splitlines()]
            status = next((value for name, value in lines if name == "Status"), "200 OK")
            self.send_response(int(status[:3]))
            for name, value in lines:
                if name != "Status":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            served.received += len(out)

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
