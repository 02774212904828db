"""A server whose signer is a process of its own: it goes, is killed, comes back; nothing is lost and nothing forks."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ledger.core.offices import SetOperator
from ledger.core.words import PublicKey
from ledger.log import checkpoint, keys
from ledger.receipts.verifying import verify
from tests.api.test_serving import House, Server, serving, start
from tests.signer.process import SignerProcess
from tests.territory import ORIGIN, seed

PUBLIC = keys.public_of(seed("operator"))


class Apart(House):
    """A house whose operator's key is with another process."""

    def __init__(self, url: str, folder: Path):
        super().__init__(url, folder)
        self.state.unlink()
        (folder / "apart").mkdir()
        self.signer = SignerProcess(folder / "apart", seed=seed("operator"))
        self.state = self.signer.socket

    def check_checkpoints(self) -> int:
        """Every checkpoint that was kept is of this log and signed; the largest size."""
        with self.territory.store.read() as connection:
            rows = connection.execute(text("SELECT size, root, note FROM checkpoint")).all()
        for size, root, note in rows:
            signed = checkpoint.verify(bytes(note), ORIGIN, PUBLIC)
            assert (
                (signed.size, signed.root) == (size, bytes(root)) == (size, self.territory.door.lookups.root_at(size))
            )
        return max((size for size, _, _ in rows), default=0)


@pytest.fixture
def apart(sqlite_url: str, tmp_path: Path) -> Iterator[Apart]:
    house = Apart(sqlite_url, tmp_path)
    with house.signer:
        yield house
    house.territory.close()


def pay(house: House, n: int = 1) -> bytes:
    return house.territory.transfer(*house.members[:2], n)


def check_receipt(house: House, receipt: Any) -> None:
    verify(json.dumps(receipt).encode(), ORIGIN, house.territory.identity)


def test_committed_but_unsigned_is_503_and_the_same_text_later_gets_the_receipt(apart: Apart) -> None:
    with serving(apart) as server:
        status, receipt = server.submit(pay(apart))
        assert status == 201
        apart.signer.kill()
        octets, signed = pay(apart, 2), server.request("GET", "/solana/checkpoint")
        for _ in range(2):
            status, problem = server.submit(octets)
            assert status == 503 and "no checkpoint can be signed now" in problem["detail"]
        ready, words = server.request("GET", "/health/ready")
        assert ready == 503 and b"no signer answers there" in words and b"comarca signer --listen" in words
        assert server.request("GET", "/solana/checkpoint") == signed
        apart.signer.start()
        status, again = server.submit(octets)
        assert (status, again["entry"]["log_index"]) == (200, receipt["entry"]["log_index"] + 1)
        check_receipt(apart, again)
        assert server.stop() == 0
    assert apart.check_checkpoints() == again["entry"]["log_index"] + 1


def test_it_signs_by_itself_when_the_signer_is_back(apart: Apart) -> None:
    """Whoever got the 503 may never ask again, and a server that is not ready is sent nothing."""
    with serving(apart) as server:
        apart.signer.kill()
        assert server.submit(pay(apart))[0] == 503
        apart.signer.start()
        deadline = time.monotonic() + 60
        while server.request("GET", "/health/ready")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        signed = checkpoint.verify(server.request("GET", "/solana/checkpoint")[1], ORIGIN, PUBLIC)
        assert signed.size == apart.territory.door.head().size


def test_what_one_server_left_unsigned_the_next_signs(apart: Apart) -> None:
    octets = pay(apart)
    with serving(apart) as server:
        apart.signer.kill()
        assert server.submit(octets)[0] == 503
        assert server.stop() == 0
    said = start(apart)
    _, errors = said.communicate(timeout=60)
    assert said.returncode == 3 and "no signer answers there" in errors and errors.count("\n") == 1
    apart.signer.start()
    with serving(apart) as server:
        signed = checkpoint.verify(server.request("GET", "/solana/checkpoint")[1], ORIGIN, PUBLIC)
        assert signed.size == apart.territory.door.head().size
        assert server.submit(octets)[0] == 200


def test_a_signer_without_this_ledgers_key_is_refused(house_of_another: Apart) -> None:
    said = start(house_of_another)
    _, errors = said.communicate(timeout=60)
    assert said.returncode == 3 and "key is not the one of solana" in errors


@pytest.fixture
def house_of_another(sqlite_url: str, tmp_path: Path) -> Iterator[Apart]:
    house = Apart(sqlite_url, tmp_path)
    (tmp_path / "other").mkdir()
    house.signer = SignerProcess(tmp_path / "other", seed=seed("nobody"))
    house.state = house.signer.socket
    with house.signer:
        yield house
    house.territory.close()


def test_two_processes_and_a_signer_that_is_killed_under_load(postgres_url: str, tmp_path: Path) -> None:
    """SIGKILL of the signer, three times. Whoever gets a 503 sends the same text again; each is logged once."""
    house = Apart(postgres_url, tmp_path)
    one, two = house.members[:2]
    notes = [house.territory.transfer(*((one, two) if n % 2 else (two, one)), 1) for n in range(240)]
    with ExitStack() as stack:
        stack.callback(house.territory.close)
        stack.enter_context(house.signer)
        server = stack.enter_context(serving(house, processes=2))
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(_until_signed, server, octets) for octets in notes]
            for n in (30, 90, 150):
                answers[n].result()
                house.signer.kill()
                house.signer.start()
            receipts = [answer.result() for answer in answers]
        assert sorted(receipt["entry"]["log_index"] for receipt in receipts) == list(range(5, 245))
        for receipt in receipts[::20]:
            check_receipt(house, receipt)
        assert server.stop() == 0
        assert house.check_checkpoints() == 245


def test_a_change_of_the_operator_s_key_while_it_serves(apart: Apart) -> None:
    """Submitted too early: 503 and what to do; then the signer has both keys, and the server need not even restart."""
    territory, new = apart.territory, keys.public_of(seed("operator 2"))
    change = territory.draft("set_operator", SetOperator(PublicKey(new), 0)).signed(territory.administrators[:2])
    with serving(apart) as server:
        for octets in (change, pay(apart)):
            assert server.submit(octets)[0] == 503
        words = server.request("GET", "/health/ready")[1]
        assert keys.encode(new).encode() in words and b"COMARCA_OPERATOR_KEY_BEFORE" in words
        assert apart.signer.stop() == 0
        apart.signer.change_key(seed("operator 2"))
        apart.signer.start()
        status, receipt = server.submit(change)
        assert status == 200
        status, paid = server.submit(pay(apart))
        assert status == 201
        check_receipt(apart, paid)
        for note in (receipt["checkpoint"].encode(), paid["checkpoint"].encode()):
            assert [line.key_id for line in checkpoint.parse(note).signatures] == [
                keys.key_id(ORIGIN, new), keys.key_id(ORIGIN, PUBLIC)]  # fmt: skip
            assert checkpoint.verify(note, ORIGIN, new) == checkpoint.verify(note, ORIGIN, PUBLIC)
        assert server.stop() == 0
    apart.check_checkpoints()
    apart.signer.stop()
    apart.signer.settings |= {"COMARCA_OPERATOR_KEY": "operator.key", "COMARCA_OPERATOR_KEY_BEFORE": ""}
    apart.signer.state.rename(apart.signer.folder / "operator.state")
    with apart.signer:
        said = start(apart)
        assert "key is not the one of solana" in said.communicate(timeout=60)[1] and said.returncode == 3


def _until_signed(server: Server, octets: bytes) -> Any:
    """A client's patience: the same text again until there is a receipt."""
    while True:
        status, answer = server.submit(octets)
        if status in (200, 201):
            return answer
        assert status == 503, answer
        time.sleep(0.1)
