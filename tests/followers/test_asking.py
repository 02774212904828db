"""Asking one witness: ours as it should be, and everything that another may answer."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ledger.followers import asking
from ledger.followers.asking import Asked, NotCosigned
from ledger.log import checkpoint, cosignature, keys, notes
from ledger.log.policy import Witness
from ledger.service.witnessed import address_of
from tests.followers.witnesses import answering, named, say, witness
from tests.signer.logs import ORIGIN, SEED, Leaves
from tests.territory import seed

LOG = Leaves(40)


def signed(size: int, log: Leaves = LOG) -> bytes:
    return checkpoint.sign(SEED, ORIGIN, size, log.root(size))


def check(line: str, size: int, log: Leaves = LOG) -> None:
    name, public = "witness.example/w1", keys.public_of(seed("w1"))
    cosignature.verify(notes.parse_line(line), name, public, checkpoint.body(ORIGIN, size, log.root(size)))


def asking_of(there: Witness, log: Leaves = LOG) -> Asked:
    """The way to a witness."""
    address = address_of(there)
    assert address is not None
    return Asked(there, address, log.proof)


def refused(asked: Asked, note: bytes) -> tuple[str, str]:
    """The outcome of asking in vain, and in words why."""
    with pytest.raises(NotCosigned) as caught:
        asked.cosign(note)
    return caught.value.outcome, str(caught.value)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(asking, "TIMEOUT_S", 1.0)
    yield


def test_a_log_that_grows(tmp_path: Path) -> None:
    with witness(tmp_path, "w1") as there:
        asked = asking_of(there)
        for size in (1, 2, 17, 17, 40):
            check(asked.cosign(signed(size)), size)
        asked.close()


def test_where_the_witness_stands_is_learned_from_it(tmp_path: Path) -> None:
    with witness(tmp_path, "w1") as there:
        asking_of(there).cosign(signed(17))
        again = asking_of(there)
        check(again.cosign(signed(40)), 40)
        assert refused(again, signed(20))[0] == "ahead"
        assert refused(asking_of(there), signed(20)) == (
            "ahead", "it has cosigned 40 entries, and this is a checkpoint of 20")  # fmt: skip


def test_a_witness_that_was_started_again(tmp_path: Path) -> None:
    with witness(tmp_path, "w1") as there:
        asked = asking_of(there)
        asked.cosign(signed(17))
    assert refused(asked, signed(20))[0] == "unreachable"
    with witness(tmp_path, "w1", port=int(there.url.rpartition(":")[2])):
        check(asked.cosign(signed(20)), 20)


def test_another_past_is_not_cosigned(tmp_path: Path) -> None:
    fork = Leaves(40, "fork", LOG.hashes[:12])
    with witness(tmp_path, "w1") as there:
        asking_of(there).cosign(signed(17))
        assert refused(asking_of(there, fork), signed(17, fork))[0] == "fork"
        outcome, what = refused(asking_of(there, fork), signed(40, fork))
        assert outcome == "refused" and what.startswith("it answers 422: the consistency proof from size 17")


def line_of(name: str, size: int, key: str = "w1") -> bytes:
    text = checkpoint.body(ORIGIN, size, LOG.root(size))
    return cosignature.make(seed(key), f"witness.example/{name}", text, 1).encode() + b"\n"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [(200, b"", "invalid"), (200, b"no line\n", "invalid"), (200, b"\xff\n", "invalid"),
     (200, line_of("w1", 16), "invalid"), (200, line_of("w1", 17, "other"), "invalid"),
     (200, line_of("w2", 17), "invalid"), (200, line_of("w1", 17)[:-1], "invalid"),
     (200, line_of("w1", 17)[:-9] + b"=\n", "invalid"), (200, b"x" * 100_000, "unreachable"),
     (204, b"", "refused"), (302, b"", "refused"), (404, b"who?", "refused"), (500, b"<html>", "refused"),
     (409, b"", "invalid"), (409, b"seventeen\n", "invalid"), (409, b"-1\n", "invalid"), (409, b"017\n", "invalid"),
     (409, b"18\n", "ahead"), (409, b"0\n", "refused"), (409, b"17\n", "fork"), (409, b"9" * 30, "invalid")],
)  # fmt: skip
def test_what_is_no_cosignature(status: int, body: bytes, outcome: str) -> None:
    with answering(say(status, body)) as url:
        asked = asking_of(named("w1", url))
        assert refused(asked, signed(17))[0] == outcome


def test_its_line_is_found_among_others() -> None:
    body = line_of("w2", 17) + line_of("w1", 17) + line_of("w3", 17)
    with answering(say(200, body)) as url:
        check(asking_of(named("w1", url)).cosign(signed(17)), 17)


def test_one_that_answers_without_end_is_given_up() -> None:
    def drip(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    with answering(drip) as url:
        outcome, what = refused(asking_of(named("w1", url)), signed(17))
    assert outcome == "unreachable" and "too slowly" in what


def test_one_that_says_nothing_is_given_up() -> None:
    with answering(lambda handler, asked: time.sleep(3)) as url:
        assert refused(asking_of(named("w1", url)), signed(17))[0] == "unreachable"


def test_addresses() -> None:
    for url in ("ftp://witness.example", "witness.example", "https://", "https://witness.example?x"):
        with pytest.raises(ValueError, match="not an address"):
            address_of(named("w1", url))
    with pytest.raises(ValueError):
        address_of(named("w1", "https://witness.example:port"))
    assert address_of(named("w1", "")) is None

    def path(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
        say(404, handler.path.encode())(handler, asked)

    with answering(path) as url:
        for behind, wanted in (("", "/add-checkpoint"), ("/", "/add-checkpoint"), ("/w/1/", "/w/1/add-checkpoint")):
            assert refused(asking_of(named("w1", url + behind)), signed(17))[1] == f"it answers 404: {wanted}"
