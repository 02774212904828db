"""What a witness answers: the published exchange, every rule of tlog-witness, and time that does not run backwards."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log import checkpoint, consistency, cosignature, keys, merkle, notes
from ledger.log.keys import COSIGNER
from ledger.log.policy import Log
from ledger.witness.state import State
from ledger.witness.witness import Answer, Witness
from tests.log.data import load
from tests.signer.logs import ORIGIN, OTHER_SEED, SEED, Leaves

EXCHANGE = load("witness/torchwood-litewitness-exchange.json")
NAME = "witness.example/w1"
OWN = bytes(range(32))
VKEY = keys.vkey(NAME, keys.public_of(OWN), COSIGNER)
LOG = Leaves(40)


class Clock:
    """A clock to be set."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witness(tmp_path: Path, clock: Clock) -> Witness:
    path = tmp_path / "w1.state"
    State.create(path, VKEY)
    logs = [Log(ORIGIN, keys.public_of(seed), "") for seed in (SEED, OTHER_SEED)]
    sigsum = Log(EXCHANGE["log"], bytes.fromhex(EXCHANGE["sigsum_log_public_key_hex"]), "")
    return Witness(NAME, OWN, [*logs, sigsum], State(path, VKEY), clock)


def body(old: int, new: int, log: Leaves = LOG, seed: bytes = SEED, origin: str = ORIGIN) -> bytes:
    """A request that shows the log of size `new`, and how it goes on from `old`."""
    path = log.proof(old, new) if 0 < old < new else []
    return consistency.format(old, path, checkpoint.sign(seed, origin, new, log.root(new)))


def time_of(answer: Answer, new: int, log: Leaves = LOG) -> int:
    """When a cosignature was made, which must be one."""
    assert answer.status == 200 and answer.text.endswith("\n") and answer.text.count("\n") == 1
    text = checkpoint.body(ORIGIN, new, log.root(new))
    return cosignature.verify(notes.parse_line(answer.text[:-1]), NAME, keys.public_of(OWN), text)


def test_the_published_exchange(witness: Witness) -> None:
    """With litewitness's answers, but for the unknown log, where the specification of today says 404."""
    statuses = []
    for step in EXCHANGE["exchange"]:
        answer = witness.add_checkpoint(step["request_body"].encode())
        statuses.append(answer.status)
        if answer.status == 409:
            assert (answer.text, answer.media_type) == (step["body_equals"], "text/x.tlog.size")
        if answer.status == 200:
            assert answer.text.startswith(f"\u2014 {NAME} ")
    wanted: list[int] = [step["status"] for step in EXCHANGE["exchange"]]
    assert statuses == [404 if n == 2 else status for n, status in enumerate(wanted)]


def test_a_log_that_grows(witness: Witness, clock: Clock) -> None:
    for old, new in ((0, 1), (1, 2), (2, 17), (17, 17), (17, 40)):
        assert time_of(witness.add_checkpoint(body(old, new)), new) == 1_795_000_000
    assert witness.latest()[0] == (ORIGIN, witness.latest()[0][1])
    assert witness.latest()[0][1].size == 40


def test_a_log_that_is_first_seen_late(witness: Witness) -> None:
    assert witness.add_checkpoint(body(12, 17)) == (409, "0\n", "text/x.tlog.size")
    time_of(witness.add_checkpoint(body(0, 17)), 17)


def test_nothing_is_cosigned_for_less_or_for_another_past(witness: Witness) -> None:
    time_of(witness.add_checkpoint(body(0, 17)), 17)
    fork = Leaves(40, "fork", LOG.hashes[:12])
    for request in (body(0, 12), body(12, 17), body(0, 40), body(12, 40), body(0, 40, fork), body(18, 40)):
        assert witness.add_checkpoint(request) == (409, "17\n", "text/x.tlog.size")
    assert witness.add_checkpoint(body(17, 17, fork)) == (409, "17\n", "text/x.tlog.size")
    assert witness.add_checkpoint(body(17, 40, fork)).status == 422
    assert witness.latest()[0][1].size == 17
    time_of(witness.add_checkpoint(body(17, 40)), 40)


@pytest.mark.parametrize(
    "path", [[], LOG.proof(16, 40), LOG.proof(17, 39), LOG.proof(17, 40)[::-1], [*LOG.proof(17, 40), bytes(32)]]
)
def test_a_proof_that_does_not_lead_there(witness: Witness, path: list[bytes]) -> None:
    witness.add_checkpoint(body(0, 17))
    note = checkpoint.sign(SEED, ORIGIN, 40, LOG.root(40))
    assert witness.add_checkpoint(consistency.format(17, path, note)).status == 422


def test_where_nothing_is_to_be_proved_there_is_no_proof(witness: Witness) -> None:
    note = checkpoint.sign(SEED, ORIGIN, 17, LOG.root(17))
    assert witness.add_checkpoint(consistency.format(0, [bytes(32)], note)).status == 422
    time_of(witness.add_checkpoint(body(0, 17)), 17)
    assert witness.add_checkpoint(consistency.format(17, [bytes(32)], note)).status == 422


def test_whose_signature_counts(witness: Witness) -> None:
    stranger, both = b"\x07" * 32, body(0, 17) + body(0, 17, seed=OTHER_SEED).split(b"\n\n")[-1]
    assert witness.add_checkpoint(body(0, 17, seed=stranger)).status == 403
    assert witness.add_checkpoint(body(0, 17, origin="ledger.example/other")).status == 404
    named = body(0, 17).replace("\u2014 ledger.example/solana".encode(), "\u2014 ledger.example/other".encode())
    assert witness.add_checkpoint(named).status == 403
    forged = body(0, 17).replace(b"\n17\n", b"\n18\n")
    assert witness.add_checkpoint(forged).status == 403
    time_of(witness.add_checkpoint(body(0, 12, seed=OTHER_SEED)), 12)  # a log may have several keys
    unknown = notes.format_line("stranger.example", b"\x00" * 4, b"\x06" * 2428).encode() + b"\n"
    time_of(witness.add_checkpoint(both.replace(b"old 0", b"old 12").replace(
        b"\n\n", b"\n" + body(12, 17).split(b"\n", 1)[1].split(b"\n\n")[0] + b"\n\n", 1) + unknown), 17)  # fmt: skip


def test_more_was_seen_than_is_shown(witness: Witness) -> None:
    assert witness.add_checkpoint(body(17, 12)).status == 400


def test_a_log_with_lines_of_its_own(witness: Witness) -> None:
    """They are signed along with the rest, and nothing is said of them."""
    text = checkpoint.body(ORIGIN, 17, LOG.root(17)) + b"a line of the log's own\n"
    line = notes.format_line(ORIGIN, keys.key_id(ORIGIN, keys.public_of(SEED)), keys.sign(SEED, text))
    answer = witness.add_checkpoint(consistency.format(0, [], text + f"\n{line}\n".encode()))
    cosignature.verify(notes.parse_line(answer.text[:-1]), NAME, keys.public_of(OWN), text)


def test_an_empty_log(witness: Witness) -> None:
    note = checkpoint.sign(SEED, ORIGIN, 0, merkle.EMPTY)
    assert witness.add_checkpoint(consistency.format(0, [], note)).status == 200
    assert witness.add_checkpoint(body(0, 0, Leaves(0)).replace(b"47DEQ", b"57DEQ")).status == 403
    wrong = checkpoint.sign(SEED, ORIGIN, 0, bytes(32))
    assert witness.add_checkpoint(consistency.format(0, [], wrong)).status == 409
    time_of(witness.add_checkpoint(body(0, 17)), 17)


GOOD = body(0, 17)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\n", b"old 0", b"old 0\n\n", b"old 0\n" + GOOD[7:], GOOD[:-1], GOOD + b"\n", GOOD.replace(b"\n", b"\r\n"),
     GOOD.replace(b"old 0", b"old 00"), GOOD.replace(b"old 0", b"old -1"), GOOD.replace(b"old 0", b"old"),
     GOOD.replace(b"old 0", b"Old 0"), GOOD.replace(b"old 0", b"old 0 "),
     GOOD.replace(b"old 0", b"old 9223372036854775808"),
     GOOD.replace(b"old 0\n", b"old 0\nAAAA\n"), GOOD.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n") * 2,
     GOOD.replace(b"old 0\n", b"old 0\n" + (b"A" * 43 + b"=\n") * 64), GOOD.replace(b"\n17\n", b"\n017\n"),
     GOOD.replace(b"\n17\n", b"\n17\n\n"), GOOD.replace(b"solana\n17", b"solana\x00\n17"), b"\xff" + GOOD,
     GOOD.replace(b"solana\n17", b"solana\xff\n17"), bytes(1000)],
)  # fmt: skip
def test_what_is_malformed(witness: Witness, octets: bytes) -> None:
    answer = witness.add_checkpoint(octets)
    assert (answer.status, answer.text.count("\n")) == (400, 1)
    assert witness.latest()[0][1].size == 0


@settings(max_examples=200)
@given(st.data())
def test_no_request_is_a_defect(data: st.DataObject) -> None:
    """Whatever octets come: they are answered, and what is not the log's own is never cosigned."""
    request = bytearray(data.draw(st.sampled_from([GOOD, body(17, 40), body(0, 40, seed=OTHER_SEED)])))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(request)))
        end = data.draw(st.integers(start, min(start + 40, len(request))))
        request[start:end] = data.draw(
            st.binary(max_size=40) | st.sampled_from([b"\n", b"\n\n", b"old 0\n", b"=", b" "])
        )
    with TemporaryDirectory() as folder:
        State.create(Path(folder, "state"), VKEY)
        state = State(Path(folder, "state"), VKEY)
        seen = Witness(NAME, OWN, [Log(ORIGIN, keys.public_of(SEED), "")], state, lambda: 1.0)
        answer = seen.add_checkpoint(bytes(request))
        assert answer.status in (200, 400, 403, 404, 409, 422)
        if answer.status == 200:  # the change did not touch what was signed
            assert checkpoint.body(ORIGIN, 17, LOG.root(17)) in bytes(request)


def test_a_checkpoint_from_a_server_of_ours_passes_unchanged(witness: Witness) -> None:
    data: dict[str, Any] = load("proofs/log-of-600.json")
    name, public = keys.parse_vkey(data["vkey"])
    seen = Witness(NAME, OWN, [Log(name, public, "")], witness._state, lambda: 1.0)
    for size in (1, 9, 300, 512):
        first = next(note for note in data["checkpoints"] if checkpoint.parse(note.encode()).size == size)
        if size == 1:
            assert seen.add_checkpoint(consistency.format(0, [], first.encode())).status == 200
    assert seen.add_checkpoint(data["consistency"]["1"].encode()).status == 200
    assert seen.add_checkpoint(data["consistency"]["1"].encode()) == (409, "600\n", "text/x.tlog.size")


def test_time_does_not_run_backwards(witness: Witness, clock: Clock) -> None:
    """A cosignature says what is largest at a time, so a clock set back must not contradict what was said."""
    assert time_of(witness.add_checkpoint(body(0, 12)), 12) == 1_795_000_000
    clock.now -= 3600
    assert time_of(witness.add_checkpoint(body(12, 17)), 17) == 1_795_000_000
    clock.now += 7200
    assert time_of(witness.add_checkpoint(body(17, 17)), 17) == 1_795_003_600
