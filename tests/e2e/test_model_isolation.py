"""Hostile pickles inside the project's own image, behind the engine's default seccomp profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import IMAGE, RUNNER, Action
from tests.load.hostile import check_campaign, write_attempts, write_campaign
from tests.load.situations import PLAYER

pytestmark = pytest.mark.e2e
PORT = 8765
SHUT = {"cleared environment", "resource limits", "no capabilities", "Landlock file access", "seccomp filter"}
USERS = {
    "an ordinary user without capabilities": (["--user", f"{RUNNER}:{RUNNER}", "--cap-drop", "ALL"], SHUT),
    "root, as the action runs": ([], SHUT | {"another user (65534)"}),
}
LISTENING = f"""
import socket
listener = socket.create_server(("127.0.0.1", {PORT}))
listener.setblocking(False)
{PLAYER}
try:
    listener.accept()
    print(json.dumps("visited"))
except BlockingIOError:
    print(json.dumps("nobody came"))
"""
AUDIT = """
model: {id: hostile, path: attack.pkl, threshold: 0.5, positive_label: 1, favorable_label: 1}
data: {path: labels.csv, target_column: y, protected_attributes: [g]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that every user may read and write, so that only the isolation stands in the way."""
    folder = tmp_path / "work"
    folder.mkdir()
    folder.chmod(0o777)
    for name in ("victim.txt", "outputs.txt"):
        (folder / name).write_text("status=BLOCKED\n")
    (folder / "labels.csv").write_text("x,g,y\n" + "0.5,a,0\n0.5,b,1\n" * 20)
    (folder / "play.py").write_text(LISTENING)
    (folder / "audit.yaml").write_text(AUDIT)
    for path in folder.iterdir():
        path.chmod(0o666)
    return folder


def _inside(action: Action, folder: Path, options: list[str], *command: str) -> tuple[int, str, str]:
    (entry, *words) = command
    ran = action.engine.docker(
        "run", "--rm", *options, "--env", "GITHUB_TOKEN=ghs_secret", "--volume", f"{folder}:/case", "--workdir",
        "/case", "--entrypoint", entry, IMAGE, *words, check=False, timeout=300,
    )  # fmt: skip
    return ran.returncode, ran.stdout, ran.stderr


def _play(action: Action, folder: Path, options: list[str], cases: list[dict[str, object]]) -> list[object]:
    (folder / "order.json").write_text(json.dumps({"cases": cases, "filter": ""}) + "\n")
    code, said, errors = _inside(action, folder, options, "sh", "-c", "python /case/play.py < /case/order.json")
    assert code == 0, errors
    return [json.loads(line) for line in said.splitlines()]


def _state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("user", USERS)
def test_a_hostile_pickle_reaches_nothing_in_a_container(action: Action, folder: Path, user: str) -> None:
    options, layers = USERS[user]
    cases = write_campaign(folder, PORT, "/case")
    before = _state(folder)
    *told, visit = _play(action, folder, options, cases)
    check_campaign(user, told, layers)
    assert "network namespace" not in told[0]["isolation"]
    assert visit == "nobody came"
    assert {name: kept for name, kept in _state(folder).items() if name != "order.json"} == before


def test_the_same_attempts_work_in_the_container_where_nothing_shuts_them_in(action: Action, folder: Path) -> None:
    options, _ = USERS["an ordinary user without capabilities"]
    write_attempts(folder / "attack.pkl", Path("/case"), PORT)
    _, visit = _play(action, folder, options, [{"path": "/case/attack.pkl", "trust": "trusted"}])
    assert visit == "visited"
    for name in ("read labels", "write outputs", "append", "remove", "fork", "shell", "connect", "signal parent"):
        assert f"'{name}'" in (folder / "done.txt").read_text()


def test_an_audit_of_a_hostile_pickle_ends_with_exit_3(action: Action, folder: Path) -> None:
    options, _ = USERS["an ordinary user without capabilities"]
    write_attempts(folder / "attack.pkl", Path("/case"), PORT)
    before = _state(folder)
    code, said, errors = _inside(action, folder, options, "glassalpha", "audit", "--config", "audit.yaml")
    assert code == 3, said + errors
    assert "of 33 done: []" in said + errors
    assert "PASSED" not in said
    assert {name: kept for name, kept in _state(folder).items() if name in before} == before
    assert not list(folder.rglob("*audit.json"))
