"""Plays model files in the situations machines put us in: as root, as another user, with calls denied from outside."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import site
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from glassalpha_action.settings import under_ci

ROOT = Path(__file__).resolve().parents[2]
# unshare, Landlock's first call, seccomp: numbers by machine.
NUMBERS = {"x86_64": (272, 444, 317), "aarch64": (97, 444, 277)}
DENIED = {"container": 1, "no Landlock": 2, "no filter": 4, "bare": 7}

PLAYER = """
import ctypes, json, sys, warnings
from pathlib import Path
order = json.loads(sys.stdin.buffer.readline())
if order["filter"]:
    libc = ctypes.CDLL(None, use_errno=True)
    code = bytes.fromhex(order["filter"])
    held = ctypes.create_string_buffer(code, len(code))
    fprog = (ctypes.c_ulonglong * 2)(len(code) // 8, ctypes.addressof(held))
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, fprog, 0, 0) == 0
import pandas
from glassalpha_action.documents import UserError
from glassalpha_action.load.model import score
from glassalpha_action.settings import Trust
for case in order["cases"]:
    features = pandas.DataFrame({"x": [0.0, 1.0, 2.0]})
    try:
        limits = {name: case[name] for name in ("timeout", "memory") if name in case}
        trust = Trust(case.get("trust", "sandbox"))
        scores = score(Path(case["path"]), features, positive_label="1", trust=trust, **limits)
        told = {"values": scores.values.tolist(), "isolation": scores.isolation}
    except UserError as error:
        told = {"error": str(error), "exit": error.exit_code}
    print(json.dumps(told), flush=True)
"""


def _filter(denied: int) -> str:
    """A seccomp program that refuses the chosen calls and allows the rest, in hexadecimal."""
    numbers = [n for i, n in enumerate(NUMBERS[os.uname().machine]) if denied >> i & 1]
    steps = [(0x20, 0, 0, 0)]
    for number in numbers:
        steps += [(0x15, 0, 1, number), (0x06, 0, 0, 0x50001)]
    return b"".join(struct.pack("<HBBI", *step) for step in [*steps, (0x06, 0, 0, 0x7FFF0000)]).hex()


def _python(prefix: tuple[str, ...], python: str, checkout: Path = ROOT) -> list[str] | None:
    """A command that starts `python` with our packages, or None where it cannot."""
    environment = {"PYTHONPATH": str(checkout), "GITHUB_TOKEN": "ghs_secret", "PATH": os.defpath}
    if python != sys.executable:
        environment["PYTHONUSERBASE"] = sys.prefix
    elif site.ENABLE_USER_SITE:
        environment["PYTHONUSERBASE"] = site.getuserbase()
    env = ["env", "-i", *[f"{name}={value}" for name, value in environment.items()]]
    command = [*prefix, *env, python, "-P", "-B", "-c"]
    probe = subprocess.run([*command, "import sklearn, pandas, joblib"], capture_output=True, cwd="/", check=False)
    return command if probe.returncode == 0 else None


def _elsewhere(mode: int) -> tuple[tuple[str, ...], str, Path]:
    """Root's way to another place of the checkout and its packages, in a folder of this mode: its own mounts."""
    place = Path(tempfile.mkdtemp(prefix="glassalpha-situation-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for name in ("checkout", "packages"):
        (place / name).mkdir()
    place.chmod(mode)
    mounts = f"mount --bind {ROOT} {place}/checkout && mount --bind {sys.prefix} {place}/packages"
    prefix = ("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    return prefix, f"{place}/packages/bin/python", place / "checkout"


@functools.cache
def _command(situation: str) -> list[str]:
    system = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin") or sys.executable
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    root, found = os.geteuid() == 0, None
    if situation == "root, out of another user's reach":
        ways = [((), sys.executable, ROOT), _elsewhere(0o700)] if root else []
        found = next(filter(None, (_python(*way) for way in ways if not _python((*way[0], *nobody), *way[1:]))), None)
    elif situation == "root":
        ways = [((), sys.executable, ROOT), ((), system, ROOT), _elsewhere(0o755)] if root else []
        found = next(filter(None, (_python(*way) for way in ways if _python((*way[0], *nobody), *way[1:]))), None)
    elif situation == "ordinary user" and root:
        ways = [((), sys.executable, ROOT), ((), system, ROOT), _elsewhere(0o755)]
        found = next(filter(None, (_python((*way[0], *nobody), *way[1:]) for way in ways)), None)
    else:
        found = _python((), sys.executable)
        assert found, "this interpreter does not start with our packages"
    if found is None:
        reason = f"no interpreter with our packages for this situation: {situation}"
        # Only root can play root; what root cannot play is a fault of the machine that CI must not pass over.
        if root and under_ci():
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def play(situation: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What score() said of each case ({path, trust, timeout, memory}), in order."""
    order = {"cases": cases, "filter": _filter(DENIED[situation]) if situation in DENIED else ""}
    played = subprocess.run(
        [*_command(situation), PLAYER],
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert played.returncode == 0, played.stderr
    return [json.loads(line) for line in played.stdout.splitlines()]
