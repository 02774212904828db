"""A witness as a process over HTTP: what it answers, killed and started again, slow clients, too much, a fork."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ledger.log import checkpoint, cosignature, keys, notes
from ledger.log.keys import COSIGNER
from ledger.witness.state import State
from tests.signer.logs import ORIGIN, SEED, Leaves
from tests.witness.running import make_witness, running, witness
from tests.witness.test_witness import LOG, body

VKEY = keys.vkey(ORIGIN, keys.public_of(SEED))


@pytest.fixture
def own(tmp_path: Path) -> str:
    return make_witness(tmp_path)


def test_a_witness_that_is_killed_remembers(tmp_path: Path, own: str) -> None:
    name, public = keys.parse_vkey(own, COSIGNER)
    with running(tmp_path, *witness(tmp_path, [VKEY])) as first:
        said = first.add(body(0, 17))
        line = notes.parse_line(said.body.decode()[:-1])
        assert cosignature.verify(line, name, public, checkpoint.body(ORIGIN, 17, LOG.root(17)))
        first.kill()
    fork = Leaves(40, "fork", LOG.hashes[:12])
    with running(tmp_path, *witness(tmp_path, [VKEY])) as again:
        assert again.ask("GET", "/").body.decode() == f"witness {own}\n{ORIGIN} 17\n"
        assert again.add(body(0, 40, fork)) == (409, b"17\n", "text/x.tlog.size")
        assert again.add(body(17, 40, fork)).status == 422
        assert again.add(body(17, 17)).status == 200  # its answer may have been lost
        assert again.add(body(17, 40)).status == 200
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(20) == 0
        assert again.process.stderr is not None and "does not lead to a checkpoint" in again.process.stderr.read()


def test_many_ask_at_once_and_one_past_is_believed(tmp_path: Path, own: str) -> None:
    forks = [Leaves(20, f"fork {n} ") for n in range(12)]
    with running(tmp_path, *witness(tmp_path, [VKEY])) as seen, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda fork: seen.add(body(0, 20, fork)), forks))
        assert sorted(answer.status for answer in answers) == [200] + [409] * 11
        winner = forks[[answer.status for answer in answers].index(200)]
        assert seen.add(body(20, 20, winner)).status == 200


def test_killed_in_the_middle_it_has_forgotten_nothing_that_it_answered(tmp_path: Path, own: str) -> None:
    """One log grows by one entry a request while another past of it is shown as well, and the witness is killed."""
    log, fork, size = Leaves(3000), Leaves(3000, "fork", Leaves(3000).hashes[:1]), 1
    name, public = keys.parse_vkey(own, COSIGNER)
    for kill_at in (40, 90, 140):
        with running(tmp_path, *witness(tmp_path, [VKEY])) as seen, ThreadPoolExecutor(2) as pool:
            assert seen.add(body(size if size > 1 else 0, size, log)).status == 200
            killing = None
            while True:
                if size >= kill_at and killing is None:
                    killing = pool.submit(seen.kill)
                try:
                    said = seen.add(body(size, size + 1, log))
                    assert seen.add(body(size + 1, size + 2, fork)).status == 422
                except (OSError, HTTPException):
                    break
                text = checkpoint.body(ORIGIN, size + 1, log.root(size + 1))
                assert cosignature.verify(notes.parse_line(said.body.decode()[:-1]), name, public, text)
                size += 1
        state = State(tmp_path / "w1.state", own)
        stands = state.latest(ORIGIN)
        assert stands.size in (size, size + 1) and stands.root == log.root(stands.size)
        size = stands.size


def test_what_is_not_asked_right(tmp_path: Path, own: str) -> None:
    with running(tmp_path, *witness(tmp_path, [VKEY])) as seen:
        assert seen.ask("GET", "/add-checkpoint").status == 405
        assert seen.ask("POST", "/").status == 405
        assert seen.ask("POST", "/add-checkpoint/", b"").status == 404
        assert seen.add(b"").status == 400
        assert seen.add(bytes(200_000)).status == 413
        assert seen.add(body(0, 17).replace(ORIGIN.encode(), b"ledger.example/none")).status == 404
        parts = urlsplit(seen.address)
        address = (str(parts.hostname), parts.port or 0)
        slow = [socket.create_connection(address, timeout=60) for _ in range(8)]
        for one in slow:
            one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nold ")
        assert seen.add(body(0, 17)).status == 200  # and nobody waits for them
        for one in slow:
            assert one.recv(1) in (b"", b"H")  # given up, or told so
            one.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--listen", "127.0.0.1:0"), "whose logs?"), (("--listen", "8081", "--log", VKEY), "--listen: a host and a port"),
     (("--listen", "127.0.0.1:0", "--log", VKEY[:-1]), "--log ledger.example/solana"),
     (("--listen", "127.0.0.1:0", "--log", VKEY, "--state", "none.state"), "the witness's state is missing"),
     (("--listen", "127.0.0.1:0", "--logs", "password"), "password: a policy is at most"),
     (("--listen", "127.0.0.1:0", "--log", VKEY, "--key", "none.key"), "none.key")],
)  # fmt: skip
def test_what_it_does_not_start_with(tmp_path: Path, own: str, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(AssertionError, match=said), running(tmp_path, "witness", "--key", "w1.key", *arguments):
        pass


def test_its_logs_from_a_policy(tmp_path: Path, own: str) -> None:
    (tmp_path / "logs.policy").write_text(f"# whom we witness\nlog {VKEY}\nquorum none\n")
    with running(tmp_path, "witness", "--listen", "127.0.0.1:0", "--key", "w1.key", "--logs", "logs.policy") as seen:
        assert seen.add(body(0, 17)).status == 200
