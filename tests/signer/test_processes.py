"""Several processes under one state: of one log, of two, and killed while they sign."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.log import checkpoint, keys
from ledger.log.checkpoint import Checkpoint
from ledger.signer.signer import Signer
from tests.signer.logs import ORIGIN, SEED, Leaves

PUBLIC = keys.public_of(SEED)
KILLS = 8


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "operator.state"
    Signer.create_state(path)
    return path


def contender(state: Path, sizes: int, step: int = 1, mark: str = "") -> subprocess.Popen[str]:
    """A process that signs; the test's own, so it may be killed."""
    command = [sys.executable, "-m", "tests.signer.contender", str(state), str(sizes), str(step), mark]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answers(out: str) -> list[tuple[Checkpoint | None, int]]:
    """What a process was given for each size that it asked for; None where it was refused."""
    lines = [line.split() for line in out.splitlines()]
    return [
        (None if note == "refused" else checkpoint.verify(bytes.fromhex(note), ORIGIN, PUBLIC), int(size))
        for note, size in lines
    ]


def finished(process: subprocess.Popen[str]) -> list[tuple[Checkpoint | None, int]]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return answers(out)


def test_processes_of_one_log_are_never_refused(state: Path) -> None:
    """Of different speed: whatever size they ask for, there is one root a size."""
    leaves = Leaves(150)
    processes = [contender(state, 150, step) for step in (1, 2, 3)]
    for process in processes:
        got = finished(process)
        assert len(got) >= 50
        for signed, asked in got:
            assert signed is not None
            assert signed.size >= asked
            assert signed.root == leaves.root(signed.size)
    assert checkpoint.parse(Signer([SEED], ORIGIN, state).latest() or b"").size == 150


def test_of_two_logs_one_is_signed(state: Path) -> None:
    """Whoever comes first; not a single checkpoint of the other one leaves."""
    logs = {mark: Leaves(60, mark) for mark in ("one", "other")}
    processes = [contender(state, 60, mark=mark) for mark in logs]
    signed = [found for process in processes for found, _ in finished(process) if found is not None]
    marks = {mark for found in signed for mark, leaves in logs.items() if leaves.root(found.size) == found.root}
    assert len(marks) == 1
    assert max(found.size for found in signed) == 60
    assert all(logs[min(marks)].root(found.size) == found.root for found in signed)


def test_processes_that_are_killed_leave_a_state_that_goes_on(state: Path) -> None:
    """SIGKILL amid signing, time and again: what was given away stands, at least, and all of it is of one log."""
    leaves, reached = Leaves(400), 0
    for kill in range(KILLS):
        process = contender(state, 400)
        assert process.stdout is not None
        out = [process.stdout.readline() for _ in range(reached + 3 + 2 * kill)]
        process.kill()
        rest, _ = process.communicate(timeout=60)
        whole = "".join(out) + rest[: rest.rfind("\n") + 1]  # a kill may cut the last line, which was not given whole
        given = [signed for signed, _ in answers(whole) if signed is not None]
        assert len(given) >= reached + 3
        assert all(signed.root == leaves.root(signed.size) for signed in given)
        reached = max(signed.size for signed in given)
        latest = checkpoint.verify(Signer([SEED], ORIGIN, state).latest() or b"", ORIGIN, PUBLIC)
        assert latest.size >= reached
        assert latest.root == leaves.root(latest.size)
