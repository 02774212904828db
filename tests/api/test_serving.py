"""A real server: starting, refusing to start, traffic, stopping, several processes on PostgreSQL."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from ledger.ambient.settings import Settings
from ledger.api.serving import check, serve
from ledger.log import checkpoint, keys
from ledger.signer.signer import Signer, SignerRefused
from ledger.store.database import Store
from ledger.store.errors import StoreError
from ledger.store.lockfile import server_of
from tests.processes import children, writes
from tests.territory import ORIGIN, Clock, TerritoryOfTests, seed

STOP_S = 10  # what issue and page promise for a stop


class House:
    """A territory on disk with its signer's state, not served yet; the clock is the real one."""

    def __init__(self, url: str, folder: Path, members: int = 4):
        self.url, self.state = url, folder / "operator.state"
        self.territory = TerritoryOfTests(url, clock=Clock(int(time.time())))
        self.members = self.territory.members(members)
        Signer.create_state(self.state)

    def settings(self, **changes: Any) -> Settings:
        return Settings(url=self.url, port=0, **changes)

    @property
    def signers(self) -> dict[str, Signer]:
        return {"solana": Signer([seed("operator")], ORIGIN, self.state)}


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(sqlite_url, tmp_path)
    yield house
    house.territory.close()


def start(house: House, processes: int = 1) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.api.serving_process", house.url, str(house.state), str(processes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Server:
    """A running server and requests to it."""

    def __init__(self, process: "subprocess.Popen[str]", address: str):
        self.process, self.address = process, address
        self.parts = urlsplit(address)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(str(self.parts.hostname), self.parts.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def submit(self, octets: bytes) -> tuple[int, Any]:
        status, body = self.request("POST", "/v1/ledgers/solana/instructions", octets, Content_Type="text/plain")
        return status, json.loads(body)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


@contextmanager
def serving(house: House, processes: int = 1) -> Iterator[Server]:
    process = start(house, processes)
    try:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read()
        yield Server(process, address)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_S)
        process.communicate()


def test_a_server_answers_and_stops(house: House) -> None:
    with serving(house) as server:
        assert server.request("GET", "/health/ready")[0] == 200
        payer, payee = house.members[:2]
        octets = house.territory.transfer(payer, payee, 3430, memo="bread")
        status, receipt = server.submit(octets)
        assert (status, receipt["entry"]["log_index"]) == (201, 5)
        assert server.submit(octets)[0] == 200
        _, note = server.request("GET", "/solana/checkpoint")
        assert checkpoint.verify(note, house.territory.origin, keys.public_of(seed("operator"))).size == 6
        assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_loses_nothing_that_was_acknowledged(house: House, number: int) -> None:
    payer, payee = house.members[:2]
    notes = [house.territory.transfer(payer, payee, 1) for _ in range(300)]
    with serving(house) as server, ThreadPoolExecutor(8) as pool:

        def send(octets: bytes) -> int:
            try:
                return server.submit(octets)[0]
            except (OSError, http.client.HTTPException):  # refused, or cut: the server is gone
                return 0

        answers = [pool.submit(send, octets) for octets in notes]
        answers[40].result()
        assert server.stop(number) == 0
        statuses = [answer.result() for answer in answers]
    assert set(statuses) <= {201, 503, 0} and statuses.count(201) >= 40
    outcomes = house.territory.send(*notes)
    for status, outcome in zip(statuses, outcomes, strict=True):
        assert status != 201 or type(outcome).__name__ == "Repeat"


def test_a_killed_server_is_followed_by_another(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = house.members[:2]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(house) as server:
        assert server.submit(house.territory.transfer(payer, payee, 1))[0] == 201
        file = Path(house.url.removeprefix("sqlite:///"))
        assert server_of(file) == server.address
        server.process.kill()
        server.process.wait()
    deadline = time.monotonic() + STOP_S  # the worker notices that its parent is gone, and keeps the lock until then
    while server_of(file) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server_of(file) is None
    while (left := list(tmp_path.glob("comarca-*"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left  # the socket between its processes, above all
    with serving(house) as server:
        assert server.submit(house.territory.transfer(payer, payee, 1))[0] == 201


def test_a_body_that_is_cut_is_no_body(house: House) -> None:
    octets = house.territory.transfer(*house.members[:2], 1)
    with serving(house) as server:
        head = "POST /v1/ledgers/solana/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        for more in (1, 100_000):  # read before the turn is taken, and in it
            with socket.create_connection((server.parts.hostname, server.parts.port), 30) as wire:
                wire.sendall(f"{head}Content-Length: {len(octets) + more}\r\n\r\n".encode() + octets)
                wire.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(partial(wire.recv, 65_536), b""))
            assert answer.startswith(b"HTTP/1.1 400 ") and b'"reason": "body_invalid"' in answer
        assert server.submit(octets)[0] == 201


@pytest.mark.parametrize("child", ["the one that writes", "one that talks"])
def test_a_killed_child_is_followed_by_another(house: House, child: str) -> None:
    payer, payee = house.members[:2]
    with serving(house) as server:
        assert server.submit(house.territory.transfer(payer, payee, 1))[0] == 201
        for _ in range(2):
            (one,) = [pid for pid in children(server.process.pid) if writes(pid) == (child == "the one that writes")]
            os.kill(one, signal.SIGKILL)
            octets = house.territory.transfer(payer, payee, 1)
            assert _until_answered(server, octets) in (200, 201)
        assert server_of(Path(house.url.removeprefix("sqlite:///"))) == server.address
        assert server.stop() == 0


def test_nobody_waits_for_those_who_ask_whether_the_one_that_writes_is_there(house: House) -> None:
    with serving(house) as server, ThreadPoolExecutor(10) as pool:
        (writer,) = [pid for pid in children(server.process.pid) if writes(pid)]
        os.kill(writer, signal.SIGSTOP)
        try:
            asking = [pool.submit(server.request, "GET", "/health/ready") for _ in range(10)]  # three seconds each
            while not any(one.running() for one in asking):
                time.sleep(0.01)
            time.sleep(0.5)
            began = time.monotonic()
            assert server.request("GET", "/health/live")[0] == 200
            assert time.monotonic() - began < 8
            assert {one.result()[0] for one in asking} == {503}
        finally:
            os.kill(writer, signal.SIGCONT)
        assert server.submit(house.territory.transfer(*house.members[:2], 1))[0] == 201


def _until_answered(server: Server, octets: bytes) -> int:
    """A client's patience: the same text again until its outcome is known."""
    status = 503
    while status == 503:
        try:
            status, _ = server.submit(octets)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    return status


def test_a_second_server_is_refused_in_one_line(house: House) -> None:
    with serving(house) as server:
        second = start(house)
        output, errors = second.communicate(timeout=30)
        assert (second.returncode, output) == (3, "")
        assert errors.count("\n") == 1 and server.address in errors and "in use by `comarca serve`" in errors
        assert server.request("GET", "/health/live")[0] == 200


def test_hostile_framing_gets_an_answer_and_harms_nobody(house: House) -> None:
    with serving(house) as server:
        for sent in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 500 + b"\r\n",
                     b"POST /v1/ledgers/solana/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                     b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"POST /v1/ledgers/solana/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"):  # fmt: skip
            with socket.create_connection((str(server.parts.hostname), server.parts.port or 0), timeout=30) as wire:
                wire.sendall(sent)
                first = wire.recv(12)
                assert first.startswith(b"HTTP/1.1 4"), (sent[:40], first)
        assert server.request("GET", "/health/ready")[0] == 200


def test_a_chunked_submission_is_read_to_its_end_and_no_further(house: House) -> None:
    payer, payee = house.members[:2]
    with serving(house) as server:
        for octets, expected in ((house.territory.transfer(payer, payee, 1), 201), (b"a" * 5000, 413)):
            path = "/v1/ledgers/solana/" + ("instructions" if expected == 201 else "tokens")
            connection = http.client.HTTPConnection(str(server.parts.hostname), server.parts.port, timeout=30)
            chunks = iter([octets[:100], octets[100:]])
            connection.request("POST", path, chunks, {"Content-Type": "text/plain"}, encode_chunked=True)
            assert connection.getresponse().status == expected
            connection.close()


def test_two_processes_on_one_ledger(database_url: str, tmp_path: Path) -> None:
    house = House(database_url, tmp_path)
    try:
        one, two = house.members[:2]
        notes = [house.territory.transfer(*((one, two) if n % 2 else (two, one)), 1) for n in range(120)]
        with serving(house, processes=2) as server, ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(server.submit, notes))
            assert {status for status, _ in answers} == {201}
            indexes = sorted(receipt["entry"]["log_index"] for _, receipt in answers)
            assert indexes == list(range(5, 125))
            assert server.stop() == 0
    finally:
        house.territory.close()


# --- what is refused before anything is served


def refused(house: House, **changes: Any) -> str:
    signers = changes.pop("signers", house.signers)
    with pytest.raises((StoreError, SignerRefused)) as error:
        serve(house.settings(**changes), signers)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_other_projections_are_refused_and_name_the_remedy(house: House) -> None:
    with house.territory.store.writes.begin() as connection:
        connection.execute(text("UPDATE head SET fingerprint = 'of another release'"))
    assert "comarca rebuild" in refused(house)


def test_another_operators_key_is_refused(house: House) -> None:
    assert "key" in refused(house, signers={"solana": Signer([seed("nobody")], ORIGIN, house.state)})


def test_a_missing_state_is_refused(house: House, tmp_path: Path) -> None:
    assert "state" in refused(house, signers={"solana": Signer([seed("operator")], ORIGIN, tmp_path / "gone")})


def test_a_ledger_that_is_not_there_is_refused(house: House) -> None:
    assert "luna" in refused(house, signers={"luna": house.signers["solana"]})


def test_a_ledger_without_its_genesis_is_refused(house: House) -> None:
    house.territory.store.add_ledger("ledger.example/luna")
    assert "genesis" in refused(house, signers={"luna": house.signers["solana"]})


def test_a_missing_and_an_empty_and_a_strange_database(house: House, tmp_path: Path) -> None:
    missing = Settings(url=f"sqlite:///{tmp_path}/missing.db")
    with pytest.raises(StoreError, match="no such database"):
        check(missing, house.signers)
    assert not (tmp_path / "missing.db").exists()
    (tmp_path / "strange.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError):
        check(Settings(url=f"sqlite:///{tmp_path}/strange.db"), house.signers)
    empty = Store(f"sqlite:///{tmp_path}/empty.db")
    empty.writes.connect().close()
    empty.close()
    with pytest.raises(StoreError, match="empty"):
        check(Settings(url=f"sqlite:///{tmp_path}/empty.db"), house.signers)
