"""What a model file can reach, in each situation, and what it leaves behind."""

from __future__ import annotations

import ast
import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from glassalpha_action.load.isolation import ALLOW, CALLS, KILL, MACHINES, REFUSE, UNKNOWN, build_filter
from tests.load.hostile import OBEDIENT, check_campaign, write_attempts, write_campaign, write_pickle
from tests.load.situations import play

SHUT = {"cleared environment", "resource limits", "Landlock file access", "seccomp filter", "no capabilities"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may read and write, so that only the isolation stands in the way."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o777)
        for file in ("labels.csv", "victim.txt", "outputs.txt"):
            (path / file).write_text("status=BLOCKED\n")
            (path / file).chmod(0o666)
        yield path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def has_visitor(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    ("situation", "layers"),
    [
        ("root", SHUT | {"another user (65534)"}),
        ("root, out of another user's reach", SHUT),
        ("ordinary user", SHUT),
        ("container", SHUT),
    ],
)
def test_a_hostile_pickle_reaches_nothing(
    situation: str, layers: set[str], folder: Path, listener: socket.socket
) -> None:
    cases = write_campaign(folder, listener.getsockname()[1])
    before = {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()}
    check_campaign(situation, play(situation, cases), layers)
    assert {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()} == before
    assert not has_visitor(listener)


def test_the_same_attempts_work_where_nothing_shuts_them_in(folder: Path, listener: socket.socket) -> None:
    attack = write_attempts(folder / "attack.pkl", folder, listener.getsockname()[1])
    play("plain", [{"path": str(attack), "trust": "trusted"}])
    done = set(ast.literal_eval((folder / "done.txt").read_text()))
    assert {"read labels", "list folder", "read passwords", "process list", "append", "truncate", "make file"} <= done
    assert {"remove", "link", "fork", "shell", "connect", "unix socket", "signal parent", "signal by file"} <= done
    assert "own token" not in done  # the environment is cleared all the same
    assert has_visitor(listener)


def test_a_pickle_is_refused_unopened_where_the_network_cannot_be_denied(folder: Path) -> None:
    mark = write_pickle(folder / "mark.pkl", OBEDIENT + f"open({str(folder / 'ran.txt')!r}, 'w').close()")
    (refused,) = play("bare", [{"path": str(mark)}])
    assert refused["exit"] == 3
    for way_out in ("safe format", "predictions", "--model-trust trusted"):
        assert way_out in refused["error"]
    assert not (folder / "ran.txt").exists()
    (trusted,) = play("bare", [{"path": str(mark), "trust": "trusted"}])
    assert trusted == {"values": [0.75, 0.75, 0.75], "isolation": ["none: trusted"]}
    assert (folder / "ran.txt").exists()


def test_without_landlock_the_filter_still_stops_writing(folder: Path) -> None:
    good = write_pickle(folder / "good.pkl", OBEDIENT)
    writer = write_pickle(folder / "writer.pkl", f"open({str(folder / 'outputs.txt')!r}, 'w').write('status=PASSED')")
    scored, wrote = play("no Landlock", [{"path": str(good)}, {"path": str(writer)}])
    assert "Landlock file access" not in scored["isolation"]
    assert "seccomp filter" in scored["isolation"]
    assert "PermissionError" in wrote["error"]
    assert (folder / "outputs.txt").read_text() == "status=BLOCKED\n"


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_the_filter_program_decides_as_listed(machine: str) -> None:
    column, architecture, open_, openat, clone, fcntl, ioctl, prlimit = MACHINES[machine]
    program = list(struct.iter_unpack("<HBBI", build_filter(machine)))

    def decide(number: int, *arguments: int, arch: int = architecture) -> int:
        return simulate(program, struct.pack("<IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments))))

    words = CALLS.split()
    for name, number in zip(words[::3], words[column::3], strict=True):
        assert number == "-" or decide(int(number)) == ALLOW, name
    # socket, connect, socketpair, execve, execveat, kill, tgkill, ptrace, prctl, memfd_create
    refused = {
        "x86_64": (41, 42, 53, 59, 322, 62, 234, 101, 157, 319),
        "aarch64": (198, 203, 199, 221, 281, 129, 131, 117, 167, 279),
    }
    assert {decide(number) for number in refused[machine]} == {REFUSE}
    assert decide(425) == decide(435) == decide(0x40000029) == UNKNOWN
    assert decide(int(words[column]), arch=0x40000003) == KILL
    assert decide(openat, 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND, 0o20200000):
        assert decide(openat, 0, 0, flags) == REFUSE
        assert open_ is None or decide(open_, 0, flags) == REFUSE
    assert (decide(clone, 0x3D0F00), decide(clone, 0x1200011)) == (ALLOW, REFUSE)
    assert (decide(fcntl, 0, 3), decide(fcntl, 0, 8), decide(fcntl, 0, 10)) == (ALLOW, REFUSE, REFUSE)
    assert (decide(ioctl, 0, 0x5401), decide(ioctl, 0, 0x5412)) == (ALLOW, REFUSE)
    assert [decide(prlimit, 0, 7, new) for new in (0, 0x1000, 1 << 32)] == [ALLOW, REFUSE, REFUSE]


def simulate(program: list[tuple[int, ...]], data: bytes) -> int:
    """Run a classic BPF program of loads, jumps and returns over struct seccomp_data."""
    at = value = 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x06:
            return k
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, k)
        else:
            at += if_true if {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code] else if_false
