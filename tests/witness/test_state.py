"""A witness's state: made once, of one key, damaged or missing it signs nothing; of two at once one comes first."""

import threading
from pathlib import Path

import pytest

from ledger.log import checkpoint, consistency, keys, merkle
from ledger.log.policy import Log
from ledger.witness.state import Latest, State, StateError
from ledger.witness.witness import Answer, Witness
from tests.signer.logs import ORIGIN, SEED, Leaves
from tests.witness.test_witness import NAME, OWN, VKEY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    State.create(tmp_path / "w1.state", VKEY)
    return tmp_path / "w1.state"


def test_it_remembers(path: Path) -> None:
    assert State(path, VKEY).latest(ORIGIN) == Latest(0, merkle.EMPTY, b"", 0)
    new = Latest(2**63 - 1, bytes(32), b"note", 1_795_000_000)
    with State(path, VKEY).changing(ORIGIN) as change:
        change.put(new)
    assert State(path, VKEY).latest(ORIGIN) == new
    assert State(path, VKEY).latest("ledger.example/other").size == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_fails_changes_nothing(path: Path) -> None:
    state = State(path, VKEY)
    with pytest.raises(RuntimeError), state.changing(ORIGIN) as change:
        change.put(Latest(1, bytes(32), b"", 0))
        raise RuntimeError
    assert state.latest(ORIGIN).size == 0


def test_an_old_copy_in_its_place_is_noticed_while_it_runs(path: Path) -> None:
    state, old = State(path, VKEY), path.read_bytes()
    for size in (17, 30):
        with state.changing(ORIGIN) as change:
            change.put(Latest(size, bytes(32), b"", 0))
        if size == 17:
            middle = path.read_bytes()
    for copy, size in ((old, 0), (middle, 17)):
        path.write_bytes(copy)
        with (
            pytest.raises(StateError, match=f"went back to size {size} of {ORIGIN}, of which 30"),
            state.changing(ORIGIN),
        ):
            pytest.fail("nothing may be cosigned")
        with state.changing("ledger.example/other") as change:
            assert change.latest.size == 0


def test_it_is_made_once(path: Path) -> None:
    with pytest.raises(StateError, match="never replaced"):
        State.create(path, VKEY)


def test_missing_damaged_or_of_another_key(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="is missing"):
        State(tmp_path / "absent.state", VKEY)
    with pytest.raises(StateError, match="of another key"):
        State(path, VKEY.replace("w1", "w2"))
    path.chmod(0o644)
    with pytest.raises(StateError, match="chmod 600"):
        State(path, VKEY)
    path.chmod(0o600)
    path.write_bytes(b"x" * 4096)
    with pytest.raises(StateError, match="treat it as lost"):
        State(path, VKEY)
    path.write_bytes(b"")
    with pytest.raises(StateError, match="treat it as lost"):
        State(path, VKEY)


def test_of_many_pasts_at_once_one_is_cosigned(path: Path) -> None:
    """Each thread shows another log of the same size; the witness may believe any, but one alone."""
    forks = [Leaves(20, f"fork {n} ") for n in range(16)]
    state, log = State(path, VKEY), [Log(ORIGIN, keys.public_of(SEED), "")]
    answers: list[Answer] = []
    together = threading.Barrier(len(forks))

    def ask(fork: Leaves) -> None:
        note = checkpoint.sign(SEED, ORIGIN, 20, fork.root(20))
        witness = Witness(NAME, OWN, log, State(path, VKEY), lambda: 1.0)
        together.wait()
        answers.append(witness.add_checkpoint(consistency.format(0, [], note)))

    threads = [threading.Thread(target=ask, args=(fork,)) for fork in forks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] + [409] * 15
    assert state.latest(ORIGIN).size == 20
