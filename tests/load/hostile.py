"""Makes pickles that run code when opened or when asked for scores."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

OBEDIENT = """
import numpy
class Model:
    classes_ = [0, 1]
    def predict_proba(self, features):
        before()
        return numpy.tile([0.25, 0.75], (len(features), 1))
def before(): pass
model = Model()
"""

# Each attempt that works leaves its name in `done`; what was done is told in the error.
ATTEMPTS = """
import ctypes, fcntl, os, resource, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
done = []
def read(path, wanted=b""):
    with open(path, "rb") as file:
        assert wanted in file.read(1 << 16)
def write(path):
    with open(path, "w") as file:
        file.write("status=PASSED")
def token():
    assert "ghs_secret" in os.environ["GITHUB_TOKEN"]
def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
def call(*arguments):
    assert libc.syscall(*arguments) >= 0
def number(x86_64, aarch64):
    return {"x86_64": x86_64, "aarch64": aarch64}[os.uname().machine]
def shared_memory():
    open("/dev/shm/glassalpha-test", "x").close()
    os.unlink("/dev/shm/glassalpha-test")
folder = FOLDER
attempts = {
    "read labels": lambda: read(folder + "/labels.csv"),
    "list folder": lambda: os.listdir(folder),
    "read passwords": lambda: read("/etc/passwd"),
    "own token": token,
    "parent token": lambda: read(f"/proc/{parent}/environ", b"ghs_secret"),
    "parent memory": lambda: open(f"/proc/{parent}/mem", "rb").close(),
    "process list": lambda: os.listdir("/proc"),
    "write outputs": lambda: write(folder + "/outputs.txt"),
    "append": lambda: open(folder + "/labels.csv", "a").close(),
    "truncate": lambda: os.truncate(folder + "/victim.txt", 0),
    "make file": lambda: open(folder + "/new.txt", "x").close(),
    "make file here": lambda: open("new.txt", "x").close(),
    "make file in memory": shared_memory,
    "remove": lambda: os.unlink(folder + "/victim.txt"),
    "rename": lambda: os.rename(folder + "/victim.txt", folder + "/renamed.txt"),
    "link": lambda: os.symlink("/etc/passwd", folder + "/link"),
    "change mode": lambda: os.chmod(folder + "/labels.csv", 0o777),
    "fork": fork,
    "shell": lambda: subprocess.run(["/bin/sh", "-c", "touch " + folder + "/shell.txt"], check=True),
    "posix_spawn": lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "touch " + folder + "/spawn.txt"], {}),
    "connect": lambda: socket.create_connection(("127.0.0.1", PORT), 2).close(),
    "unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "socket by number": lambda: call(number(41, 198), 2, 1, 0),
    "io_uring": lambda: call(425, 1, ctypes.create_string_buffer(120)),
    "signal parent": lambda: os.kill(parent, 0),
    "signal by file": lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, parent),
    "open parent": lambda: os.pidfd_open(parent),
    "read parent": lambda: call(number(310, 270), parent, 0, 0, 0, 0, 0),
    "limit parent": lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0)),
    "raise limits": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)),
    "outlive parent": lambda: call(number(157, 167), 1, 0, 0, 0, 0),
    "become root": lambda: os.setuid(0),
    "namespaces": lambda: call(number(272, 97), 0x10000000),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, AssertionError, KeyError, ValueError, subprocess.SubprocessError):
        continue
    done.append(name)
try:
    write_done = open(folder + "/done.txt", "w")
    write_done.write(repr(done))
    write_done.close()
except OSError:
    pass
raise RuntimeError(f"of {len(attempts)} done: {done}")
"""


class _Run:
    def __init__(self, expression: str) -> None:
        self.expression = expression

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (self.expression,)


def write_pickle(path: Path, code: str) -> Path:
    """A pickle at `path` that runs `code` when opened and becomes its `model`."""
    path.write_bytes(pickle.dumps(_Run(f"(lambda room: (exec({code!r}, room), room['model'])[1])({{}})")))
    return path


def write_attempts(path: Path, folder: Path, port: int) -> Path:
    """A pickle that tries every attack on what lies in `folder` and on a listener at `port`."""
    return write_pickle(path, ATTEMPTS.replace("FOLDER", repr(str(folder))).replace("PORT", str(port)))


def write_campaign(folder: Path, port: int, seen_as: str | None = None) -> list[dict[str, Any]]:
    """A good pickle, one that tries every attack, one that sleeps and one that eats memory: cases for `play`.

    `seen_as` is the folder's name where they are played, if another.
    """
    seen = Path(seen_as or folder)
    write_pickle(folder / "good.pkl", OBEDIENT)
    write_attempts(folder / "attack.pkl", seen, port)
    write_pickle(folder / "sleep.pkl", "import time; time.sleep(600)")
    write_pickle(folder / "eat.pkl", "held = []\nwhile True: held.append(bytearray(1 << 26))")
    limits: dict[str, dict[str, float]] = {"sleep.pkl": {"timeout": 4.0}, "eat.pkl": {"memory": 1 << 30}}
    names = ("good.pkl", "attack.pkl", "sleep.pkl", "eat.pkl")
    return [{"path": str(seen / name), **limits.get(name, {})} for name in names]


def check_campaign(situation: str, told: list[dict[str, Any]], layers: set[str]) -> None:
    """The good pickle was scored behind exactly `layers`, and the others came to nothing.

    A network namespace is over and above: some systems let nobody make one.
    """
    scored, attacked, slept, ate = told
    print(f"{situation}: {', '.join(scored['isolation'])}")
    assert scored["values"] == [0.75, 0.75, 0.75]
    assert set(scored["isolation"]) - {"network namespace"} == layers
    assert "RuntimeError: of 33 done: [])" in attacked["error"]
    assert "no scores within 4 seconds" in slept["error"]
    assert "needed more than 1 GiB of memory" in ate["error"]
    assert [each["exit"] for each in (attacked, slept, ate)] == [3, 3, 3]
