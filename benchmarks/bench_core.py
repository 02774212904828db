"""The pieces that need no database: verification, intake, the core, the log.

The floor of whatever verifies is bare libsodium, one thread, nothing around it; that of the log is SHA-256 alone over
the same octets.
"""

import os
from hashlib import sha256

from benchmarks.rounds import Line, Report, Turns
from benchmarks.signatures import MESSAGE, verifications
from benchmarks.world import Base
from ledger.core import machine
from ledger.core.machine import NOUNS, WRITE
from ledger.core.state import State
from ledger.core.words import At
from ledger.intake.submission import Prepared
from ledger.log import entry, keys, merkle
from tests.territory import START

COUNT = 1000


def test_strict_verification(sqlite_base: Base, turns: Turns, report: Report) -> None:
    bare = verifications(COUNT)
    pairs = [(keys.public_of(seed), seed) for seed in (bytes([n]) * 32 for n in range(64))]
    signed = [(public, message := os.urandom(MESSAGE), keys.sign(seed, message)) for public, seed in pairs]
    work = [signed[n % len(signed)] for n in range(COUNT)]

    def verify(number: int) -> None:
        assert all(keys.verify(public, signature, message) for public, message, signature in work)

    seconds, floors = turns(verify, bare=lambda n: bare())
    report.add(_line("strict verification", "a signature", seconds, "bare libsodium", floors["bare"]))


def test_intake(sqlite_base: Base, turns: Turns, report: Report) -> None:
    """Octets to a verified instruction."""
    bare = verifications(COUNT)
    with sqlite_base.world() as world:
        submissions = world.signed(COUNT)

        def verify(number: int) -> None:
            assert all(type(world.door.verify(octets)) is Prepared for octets in submissions)

        seconds, floors = turns(verify, bare=lambda n: bare())
    report.add(_line("parse and verify", "an instruction", seconds, "bare libsodium", floors["bare"]))


def test_decide_evolve_encode(sqlite_base: Base, turns: Turns, report: Report) -> None:
    """Decide, evolve and write the events of payments, all rows in memory."""
    bare = verifications(COUNT)
    with sqlite_base.world() as world:
        rounds = [world.prepared(COUNT) for _ in turns.numbers]
        with world.store.write(world.ledger_id) as transaction:
            size = transaction.head.size
            states = [transaction.state(machine.footprints(i.instruction for i in batch)) for batch in rounds]

    def run(number: int) -> None:
        decide_all(states[number], rounds[number], size)

    seconds, floors = turns(run, bare=lambda n: bare())
    report.add(_line("decide, evolve, encode", "a payment", seconds, "bare libsodium", floors["bare"]))
    assert len(states[0].rows) == len(NOUNS)


def decide_all(state: State, batch: list[Prepared], size: int) -> None:
    """What the door does with a batch, but for the database and the log."""
    for index, (instruction, *_) in enumerate(batch, size):
        at = At(index, START, instruction.id)
        events = machine.decide(state, instruction, at)
        assert isinstance(events, list), events
        for event in events:
            machine.evolve(state, event, at)
            WRITE[type(event)](event).encode()


def test_leaf_and_tree(turns: Turns, report: Report) -> None:
    """Entry, leaf hash, and the frontier of a log of a million entries extended; the root once a batch."""
    hashes = [(os.urandom(32), os.urandom(32)) for _ in range(COUNT)]
    frontier = merkle.Frontier(1_000_000, tuple(os.urandom(32) for _ in range((1_000_000).bit_count())))
    leaf, node = os.urandom(153), os.urandom(65)

    def append(number: int) -> None:
        leaves = [entry.leaf_hash(entry.encode(START, note, events)) for note, events in hashes]
        frontier.extend(leaves).root()

    def hash_alone(number: int) -> None:
        for _ in range(COUNT):
            sha256(leaf).digest()
            sha256(node).digest()

    seconds, floors = turns(append, sha256=hash_alone)
    report.add(_line("leaf and tree", "an entry", seconds, "two SHA-256", floors["sha256"]))


def _line(what: str, unit: str, seconds: float, floor: str, floor_seconds: float) -> Line:
    return Line(what, "one core", 1e6 * seconds / COUNT, f"µs {unit}", floor, 1e6 * floor_seconds / COUNT)
