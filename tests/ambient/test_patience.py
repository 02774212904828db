"""Slow clients are given up, and those at a pace are not."""

import errno
import logging
import os
import resource
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from gunicorn.workers.gthread import TConn

from ledger.ambient import patience
from ledger.ambient.patience import PatientSocket, PatientWorker, TooSlow
from ledger.ambient.turns import Turns
from ledger.api.child import Child
from ledger.api.serving import Server
from tests.api.test_serving import House, house, serving
from tests.processes import children

__all__ = ["house"]  # the fixture


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PatientSocket, socket.socket]]:
    monkeypatch.setattr(patience, "GRACE_S", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield PatientSocket(ours), theirs


def test_a_client_that_sends_nothing_more(pair: tuple[PatientSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"GET / HTTP/1.1\r\n")
    assert ours.recv(8192) == b"GET / HTTP/1.1\r\n"
    with pytest.raises(TooSlow) as given_up:
        ours.recv(8192)
    assert isinstance(given_up.value, ConnectionResetError) and given_up.value.errno
    ours.begin()
    theirs.sendall(b"x")
    assert ours.recv(1) == b"x"


def test_octets_that_drip(pair: tuple[PatientSocket, socket.socket]) -> None:
    ours, theirs = pair

    def drip() -> None:
        for _ in range(40):
            time.sleep(0.02)
            theirs.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    began = time.monotonic()
    with pytest.raises(TooSlow):
        while True:
            assert ours.recv(8192)
    assert time.monotonic() - began < 0.6
    dripping.join()


def test_octets_at_a_pace(pair: tuple[PatientSocket, socket.socket]) -> None:
    ours, theirs = pair
    for _ in range(20):
        theirs.sendall(bytes(4096))
        assert len(ours.recv(4096)) == 4096
        time.sleep(0.04)


def test_waiting_for_a_turn_is_not_the_clients_fault(
    pair: tuple[PatientSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair
    monkeypatch.setattr(patience, "GRACE_S", 2.0)
    monkeypatch.setattr(patience, "turns", one := Turns(1))
    ours.begin()
    mine = threading.Event()

    def read() -> bytes:
        with one.taken():
            return ours.recv(1) + ours.recv(1)

    with ThreadPoolExecutor(1) as pool:
        one.ask(lambda: None)
        reading = pool.submit(read)
        one.ask(mine.set)
        assert mine.wait(10)  # the turn, as the other one waits for its client
        with one.taken():
            theirs.sendall(b"xy")
            time.sleep(2.5)
        assert reading.result(10) == b"xy"


def test_a_client_that_reads_nothing(pair: tuple[PatientSocket, socket.socket]) -> None:
    ours, _ = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with pytest.raises(TooSlow):
        for _ in range(1000):
            ours.sendall(bytes(512))


def test_the_word_to_continue_for_someone_who_reads_nothing(pair: tuple[PatientSocket, socket.socket]) -> None:
    ours, theirs = pair
    word = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert ours.send(word) == len(word) and theirs.recv(8192) == word
    with pytest.raises(TooSlow):  # and not what gunicorn takes for a failure of its own, and logs
        for _ in range(100_000):
            ours.send(word)


def test_a_server_is_patient(house: House, tmp_path: Path) -> None:
    server = Server(house.settings(), ["solana"], False, tmp_path, Child(lambda ready, wait: None), None, print)
    assert server.cfg.worker_class is PatientWorker
    with serving(house) as running:
        address = (str(running.parts.hostname), running.parts.port or 0)
        with socket.create_connection(address, timeout=10) as slow:
            slow.sendall(b"POST /v1/ledgers/solana/instructions HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n")
            time.sleep(1)
            slow.sendall(b"Content-Length: 3\r\n\r\nx")
            time.sleep(1)
            slow.sendall(b"yz")
            assert slow.makefile("rb").readline() == b"HTTP/1.1 400 BAD REQUEST\r\n"


def test_what_is_no_http_is_answered_and_not_logged(house: House) -> None:
    with serving(house) as running:
        address = (str(running.parts.hostname), running.parts.port or 0)
        for octets in (b"GET /secret\n\n", b"GET /secret HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nSecret: \x00\r\n\r\n"):
            with socket.create_connection(address, timeout=10) as stranger:
                stranger.sendall(octets)
                assert b" 400 " in stranger.makefile("rb").readline()
        assert running.stop() == 0
        assert running.process.stderr is not None
        said = running.process.stderr.read()
    assert "secret" not in said.lower() and "127.0.0.1" not in said


def test_whoever_does_not_close_its_end_keeps_nobody_waiting(house: House) -> None:
    """Of a connection that ends, the last octets are waited for; not by the thread that all others wait for."""
    with serving(house) as running, ExitStack() as stack:
        address = (str(running.parts.hostname), running.parts.port or 0)
        for _ in range(5):
            one = stack.enter_context(socket.create_connection(address, timeout=10))
            one.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 200 " in one.recv(8192)
        began = time.monotonic()
        assert running.request("GET", "/health/live")[0] == 200
        assert time.monotonic() - began < 5


def test_whoever_says_nothing_has_no_thread(house: House) -> None:
    with serving(house) as running, ExitStack() as stack:
        address = (str(running.parts.hostname), running.parts.port or 0)
        silent = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(400)]
        assert running.request("GET", "/health/live")[0] == 200
        assert threads_of(running.process.pid) < 100
        late = silent[-1]
        late.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in late.recv(8192)
        assert running.stop() == 0


def test_hundreds_who_never_end_what_they_begin_keep_nobody_waiting(house: House) -> None:
    """Each has a thread, and none has a turn."""
    payer, payee = house.members[:2]
    with serving(house) as running, ExitStack() as stack:
        address = (str(running.parts.hostname), running.parts.port or 0)
        for n in range(400):
            one = stack.enter_context(socket.create_connection(address, timeout=30))
            one.sendall((b"P", b"POST /v1/ledgers/solana/instructions HTTP/1.1\r\nHost: x\r\n"
                         b"Content-Type: text/plain\r\nContent-Length: 900\r\n\r\ncomarca")[n % 2])  # fmt: skip
        began = time.monotonic()
        assert running.submit(house.territory.transfer(payer, payee, 1))[0] == 201
        assert time.monotonic() - began < 10


def test_what_is_still_sent_when_a_connection_ends(house: House) -> None:
    """It is read, so that the answer arrives; for two seconds, and whoever goes on sending is cut."""
    with serving(house) as running:
        address = (str(running.parts.hostname), running.parts.port or 0)
        with socket.create_connection(address, timeout=30) as one:
            one.sendall(b"POST /v1/ledgers/solana/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                        b"Content-Length: 10000000\r\nConnection: close\r\n\r\n")  # fmt: skip
            assert b" 413 " in one.recv(8192)
            with pytest.raises(OSError):
                for _ in range(600):
                    one.sendall(bytes(1024))
                    time.sleep(0.01)
        assert running.request("GET", "/health/live")[0] == 200


@pytest.fixture
def worker(house: House, tmp_path: Path) -> PatientWorker:
    server = Server(house.settings(), ["solana"], False, tmp_path, Child(lambda ready, wait: None), None, print)
    worker = PatientWorker(1, os.getpid(), [], server, 30, server.cfg, logging.getLogger())
    worker.tpool, worker.poller = worker.get_thread_pool(), selectors.DefaultSelector()
    worker.method_queue.init()
    return worker


def test_whoever_gets_no_thread_keeps_no_turn(worker: PatientWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(patience, "turns", one := Turns(1))
    monkeypatch.setattr(threading.Thread, "start", start)
    with ExitStack() as stack:
        ends = [socket.socketpair() for _ in range(500)]
        for ours, theirs in ends:
            theirs.settimeout(30)
            stack.enter_context(theirs).sendall(b"GET / HTTP/1.1\r\n\r\n")
            conn = TConn(worker.cfg, stack.enter_context(ours), ("", 0), ("", 0))
            conn.data_ready = True
            worker.nr_conns += 1
            worker.enqueue_req(conn)
        for _ in ends:
            worker.method_queue.run_callbacks(None)
        for _, theirs in ends:
            assert theirs.recv(1) == b""
            theirs.close()
        for _ in ends:
            worker.wait_for_and_dispatch_events(0)
    assert worker.nr_conns == 0
    free = threading.Event()
    one.ask(free.set)
    assert free.is_set()


@pytest.mark.parametrize(("hard", "room"), [(resource.RLIM_INFINITY, 1000), (2000, 1000), (1024, 524), (300, 150)])
def test_no_more_connections_than_there_may_be_files(monkeypatch: pytest.MonkeyPatch, hard: int, room: int) -> None:
    asked: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: asked.extend(limits))
    assert patience.room_for(1000) == room
    assert asked == [1500 if room == 1000 else hard, hard]


def test_a_connection_for_which_there_is_no_file_waits(worker: PatientWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        with monkeypatch.context() as patched:
            patched.setattr(socket.socket, "accept", _no_file)
            worker.accept(listener)
        assert worker.nr_conns == 0
        worker.accept(listener)
        assert worker.nr_conns == 1
        worker.pending_conns.pop().close()


def _no_file(listener: socket.socket) -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_whoever_is_answered_when_the_process_ends_writes_into_no_file(worker: PatientWorker, tmp_path: Path) -> None:
    worker.method_queue.close()
    with ExitStack() as stack:
        files = [stack.enter_context((tmp_path / str(n)).open("wb")) for n in range(50)]
        worker.method_queue.defer(print)
        assert not any(os.fstat(file.fileno()).st_size for file in files)


def threads_of(pid: int) -> int:
    """The threads of the processes below this one."""
    return sum(len(list(Path(f"/proc/{child}/task").iterdir())) for child in children(pid))
