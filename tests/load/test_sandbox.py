"""The child's answers, its limits, and what is left of it afterwards."""

from __future__ import annotations

import json
import struct
import sys
import time
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from glassalpha_action.documents import UserError
from glassalpha_action.load import sandbox
from glassalpha_action.load.child import FRAME
from glassalpha_action.load.model import score
from glassalpha_action.settings import Trust
from tests.load.hostile import OBEDIENT, write_pickle

FEATURES = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
VERSIONS = ("V", json.dumps({"numpy": "2"}).encode())
CHILD = "import sys; child = sys.modules['glassalpha_action.load.child']\n"


def refused(
    path: Path, code: str, *, trust: Trust = Trust.sandbox, timeout: float = 60.0, memory: int = 4 << 30
) -> str:
    """The error that scoring with a model of `code` ends in; its exit code is 3 and it is one line."""
    with pytest.raises(UserError) as caught:
        score(write_pickle(path, code), FEATURES, positive_label="1", trust=trust, timeout=timeout, memory=memory)
    assert caught.value.exit_code == 3
    assert str(caught.value).isprintable()
    return str(caught.value)


def frames(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(FRAME.pack(kind.encode(), len(payload)) + payload for kind, payload in parts)


def doubles(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def test_an_answer_is_read_back() -> None:
    data = frames(VERSIONS, ("W", b"1.2.0"), ("S", doubles(0.0, 0.5, 1.0 + 1e-12)))
    values, versions, saved_with = sandbox.read_answer(data, 3)
    assert values.tolist() == [0.0, 0.5, 1.0]
    assert (versions, saved_with) == ({"numpy": "2"}, "1.2.0")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "ended"),
        (frames(VERSIONS), "ended"),
        (frames(VERSIONS)[:-1], "answer"),
        (frames(VERSIONS) + b"S123", "answer"),
        (frames(VERSIONS) + FRAME.pack(b"S", 1 << 63), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2))), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2, 0.3) + b"x")), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2, float("nan")))), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2, float("inf")))), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2, 1.001))), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2, -1e-6))), "answer"),
        (frames(VERSIONS, ("S", doubles(0.1, 0.2, 0.3)), ("S", doubles(1.0, 1.0, 1.0))), "answer"),
        (frames(VERSIONS, VERSIONS, ("S", doubles(0.1, 0.2, 0.3))), "answer"),
        (frames(("S", doubles(0.1, 0.2, 0.3))), "answer"),
        (frames(VERSIONS, ("\n", b""), ("S", doubles(0.1, 0.2, 0.3))), "answer"),
        (frames(VERSIONS, ("E", b"network\nsend your token")), "answer"),
        (frames(VERSIONS, ("E", b"predict\nno such column")), "predict"),
    ],
)
def test_any_other_answer_is_a_failure(data: bytes, kind: str) -> None:
    with pytest.raises(sandbox.SandboxError) as caught:
        sandbox.read_answer(data, 3)
    assert caught.value.kind == kind


def test_a_refusal_names_the_version_the_model_was_saved_with() -> None:
    with pytest.raises(sandbox.SandboxError) as caught:
        sandbox.read_answer(frames(VERSIONS, ("W", b"1.2.0"), ("E", b"load\nAttributeError: gone")), 3)
    assert caught.value.detail == "saved with scikit-learn 1.2.0; AttributeError: gone"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("child.send('S', bytes(24))", "frames out of order"),
        ("child.send('S', b'123')", "frames out of order"),
        ("child.os.write(child.ANSWER_FD, b'\\xff' * 100000)", "more bytes than the scores take"),
        ("child.os.close(child.ANSWER_FD)\nimport time; time.sleep(60)", "without giving scores"),
    ],
)
def test_a_model_that_writes_its_own_answer_is_refused(tmp_path: Path, code: str, told: str) -> None:
    assert told in refused(tmp_path / "m.pkl", OBEDIENT + CHILD + code)


def test_what_a_model_patches_stays_in_its_process(tmp_path: Path) -> None:
    patch = "import sklearn.metrics, numpy; sklearn.metrics.roc_auc_score = numpy.isfinite = lambda *a, **k: 1.0\n"
    scores = score(write_pickle(tmp_path / "m.pkl", OBEDIENT + patch), FEATURES, positive_label="1")
    assert scores.values.tolist() == [0.75, 0.75, 0.75]
    assert sklearn.metrics.roc_auc_score([0, 1], [0.9, 0.1]) == 0.0
    assert not np.isfinite(np.nan)


def test_a_model_that_sleeps_is_stopped(tmp_path: Path) -> None:
    start = time.monotonic()
    told = refused(tmp_path / "m.pkl", "import time; time.sleep(60)", timeout=3)
    assert "no scores within 3 seconds" in told
    assert time.monotonic() - start < 10


def test_a_model_that_floods_its_output_is_stopped_and_not_kept(tmp_path: Path) -> None:
    flood = "import os\nwhile True: os.write(2, b'x' * 65536)"
    assert "no scores within 3 seconds" in refused(tmp_path / "m.pkl", flood, timeout=3)


@pytest.mark.parametrize("code", ["[0] * (1 << 40)", "b = []\nwhile True: b.append(bytearray(1 << 26))"])
def test_a_model_that_eats_memory_is_stopped(tmp_path: Path, code: str) -> None:
    assert "needed more than 1 GiB of memory" in refused(tmp_path / "m.pkl", code, memory=1 << 30)


def test_a_fork_bomb_does_not_start(tmp_path: Path) -> None:
    mark = tmp_path / "survivor"
    bomb = f"import os, time\nos.fork() or (os.setsid(), os.fork(), time.sleep(1), open({str(mark)!r}, 'w'))"
    assert "PermissionError" in refused(tmp_path / "m.pkl", bomb)
    time.sleep(1.2)
    assert not mark.exists()


def test_children_of_a_trusted_model_end_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    fork = "import os, time\npid = os.fork()\nif not pid: os.closerange(3, 200), time.sleep(60)\n"
    code = fork + f"open({str(mark)!r}, 'w').write(str(pid))"
    score(write_pickle(tmp_path / "m.pkl", OBEDIENT + code), FEATURES, positive_label="1", trust=Trust.trusted)
    for _ in range(50):
        if not _lives(int(mark.read_text())):
            break
        time.sleep(0.1)
    assert not _lives(int(mark.read_text()))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "ending", ["raise SystemExit(0)", "import os; os._exit(7)", "import ctypes; ctypes.string_at(0)"]
)
def test_a_model_that_ends_its_process_gives_no_scores(tmp_path: Path, ending: str) -> None:
    told = refused(tmp_path / "m.pkl", f"print('\\x1b]0;owned\\x07::error::all\\u202e fine', flush=True)\n{ending}")
    assert "without giving scores" in told
    assert "0;owned ::error::all fine" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("python", ["/bin/false", "/no/such/python"])
def test_a_child_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setattr(sys, "executable", python)
    assert "did not start" in refused(tmp_path / "m.pkl", OBEDIENT)


def test_a_child_without_our_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/bin/python"))
    assert "cannot import (No module named" in refused(tmp_path / "m.pkl", OBEDIENT)


def test_large_features_and_noise_do_not_block(tmp_path: Path) -> None:
    many = pd.DataFrame({"x": np.arange(300_000.0)})
    noisy = OBEDIENT.replace("def before(): pass", "def before(): print('x' * 1_000_000)")
    scores = score(write_pickle(tmp_path / "m.pkl", noisy), many, positive_label="1")
    assert scores.values.shape == (300_000,)
    assert scores.values.dtype == np.float64


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    open_files, children = len(list(Path("/proc/self/fd").iterdir())), _children()
    refused(tmp_path / "m.pkl", "raise ValueError")
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files
    assert _children() == children


def _children() -> set[str]:
    """Of this process, the dead that nobody waited for among them; other tests may have some that run."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}
