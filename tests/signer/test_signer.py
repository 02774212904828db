"""The signer signs one past only, whatever the database says, and whatever a crash left of its state."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.log import checkpoint, keys
from ledger.signer.signer import SLOT, Signer, SignerRefused, _parse
from tests.signer.logs import ORIGIN, OTHER_SEED, SEED, Leaves

PUBLIC = keys.public_of(SEED)
LEAVES = Leaves(200)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The state of a signer that has signed nothing."""
    path = tmp_path / "operator.state"
    Signer.create_state(path)
    return path


@pytest.fixture
def signer(path: Path) -> Signer:
    return Signer([SEED], ORIGIN, path)


def sign(signer: Signer, size: int, leaves: Leaves = LEAVES) -> bytes:
    return signer.sign(size, leaves.root(size), [PUBLIC], leaves.proof)


def size_of(note: bytes | None) -> int:
    return 0 if note is None else checkpoint.verify(note, ORIGIN, PUBLIC).size


# --- what is signed


def test_a_checkpoint_is_signed(signer: Signer) -> None:
    assert signer.latest() is None
    note = sign(signer, 7)
    signed = checkpoint.verify(note, ORIGIN, PUBLIC)
    assert (signed.origin, signed.size, signed.root) == (ORIGIN, 7, LEAVES.root(7))
    assert signer.latest() == note


def test_the_first_needs_no_proof_and_each_later_one_is_proved(signer: Signer) -> None:
    leaves = Leaves(40)
    for size in (3, 4, 9, 40):
        assert size_of(sign(signer, size, leaves)) == size
    assert leaves.asked == [(3, 4), (4, 9), (9, 40)]


def test_the_same_again_is_the_same_note(signer: Signer) -> None:
    leaves = Leaves(5)
    assert sign(signer, 5, leaves) == sign(signer, 5, leaves)
    assert leaves.asked == []


def test_asked_for_less_it_answers_with_its_latest(signer: Signer) -> None:
    latest = sign(signer, 9)
    assert sign(signer, 4) == latest
    assert signer.sign(4, bytes(32), [PUBLIC], LEAVES.proof) == latest


@pytest.mark.parametrize("size", [0, -1])
def test_an_empty_log_has_no_checkpoint(signer: Signer, size: int) -> None:
    with pytest.raises(SignerRefused, match="empty log"):
        signer.sign(size, bytes(32), [PUBLIC], LEAVES.proof)
    assert signer.latest() is None


def test_another_object_goes_on_where_the_last_left_off(path: Path) -> None:
    latest = sign(Signer([SEED], ORIGIN, path), 9)
    assert sign(Signer([SEED], ORIGIN, path), 4) == latest
    assert size_of(sign(Signer([SEED], ORIGIN, path), 10)) == 10


# --- what is not


def test_another_root_of_the_same_size_is_a_fork(signer: Signer) -> None:
    latest = sign(signer, 9)
    with pytest.raises(SignerRefused, match="another log of size 9: the database was rewritten"):
        sign(signer, 9, Leaves(9, "other"))
    assert signer.latest() == latest


def test_a_rewritten_past_is_refused_at_every_size(signer: Signer) -> None:
    latest = sign(signer, 9)
    for changed in range(9):
        rewritten = Leaves(30, "rewritten", LEAVES.hashes[:changed])
        with pytest.raises(SignerRefused, match="does not go on from the one of size 9 "):
            sign(signer, 30, rewritten)
    assert signer.latest() == latest
    assert size_of(sign(signer, 30)) == 30


def test_a_stale_copy_that_went_on_by_itself(signer: Signer) -> None:
    sign(signer, 20)
    stale = Leaves(60, "after the backup", LEAVES.hashes[:15])
    assert size_of(sign(signer, 16, stale)) == 20  # what stands, not what was asked for
    for size in (20, 21, 60):
        with pytest.raises(SignerRefused):
            sign(signer, size, stale)


@pytest.mark.parametrize("proof", [[], [bytes(32)], [b"short"], [bytes(32)] * 64])
def test_a_proof_that_proves_nothing(signer: Signer, proof: list[bytes]) -> None:
    sign(signer, 9)
    with pytest.raises(SignerRefused):
        signer.sign(10, LEAVES.root(10), [PUBLIC], lambda old, new: proof)
    assert size_of(signer.latest()) == 9


def test_a_store_that_fails_changes_nothing_and_frees_the_lock(signer: Signer) -> None:
    def failing(old: int, new: int) -> list[bytes]:
        raise ConnectionError("no database")

    sign(signer, 9)
    with pytest.raises(ConnectionError):
        signer.sign(10, LEAVES.root(10), [PUBLIC], failing)
    assert size_of(sign(signer, 10)) == 10


def test_the_state_of_another_ledger(path: Path) -> None:
    sign(Signer([SEED], "ledger.example/other", path), 3)
    with pytest.raises(SignerRefused, match=r"state of ledger\.example/other's signer, not of ledger"):
        sign(Signer([SEED], ORIGIN, path), 4)


# --- the state


def test_a_lost_state_is_noticed_and_never_made_anew(signer: Signer) -> None:
    sign(signer, 9)
    signer.path.unlink()
    for ask in (signer.latest, lambda: sign(signer, 10)):
        with pytest.raises(SignerRefused, match=r"state is missing\. Bring it back"):
            ask()
    assert not signer.path.exists()


def test_a_state_is_never_replaced(signer: Signer) -> None:
    latest = sign(signer, 9)
    with pytest.raises(SignerRefused, match="there is a signer's state already"):
        Signer.create_state(signer.path)
    with pytest.raises(SignerRefused, match="cannot be made"):
        Signer.create_state(signer.path / "below")
    assert signer.latest() == latest


def test_a_state_that_others_can_read_is_refused(signer: Signer) -> None:
    signer.path.chmod(0o644)
    with pytest.raises(SignerRefused, match="chmod 600"):
        sign(signer, 1)


@pytest.mark.parametrize("by", [SEED, OTHER_SEED])
def test_a_lost_state_is_made_from_a_checkpoint_that_the_operator_trusts(tmp_path: Path, by: bytes) -> None:
    note = checkpoint.sign(by, ORIGIN, 9, LEAVES.root(9))
    cosigned = note + note.split(b"\n")[-2] + b"\n"
    Signer.create_state(tmp_path / "state", trusted=cosigned)
    signer = Signer([SEED], ORIGIN, tmp_path / "state")
    assert signer.latest() == note
    with pytest.raises(SignerRefused, match="does not go on"):
        sign(signer, 12, Leaves(12, "other"))
    if by != SEED:  # who signs size 9 is told by whoever has a log of that size
        with pytest.raises(SignerRefused, match="4 entries, fewer than the 9"):
            sign(signer, 4)
    answer = sign(signer, 9)
    assert size_of(answer) == 9  # signed by this key, whoever signed what was trusted
    assert sign(signer, 4) == answer
    assert size_of(sign(signer, 12)) == 12


@pytest.mark.parametrize("note", [b"", b"nonsense\n", b"ledger.example/solana\n9\nAAAA\n\n\xe2\x80\x94 a AAAA\n"])
def test_no_state_is_made_from_what_is_no_checkpoint(tmp_path: Path, note: bytes) -> None:
    with pytest.raises(SignerRefused, match="not a checkpoint to go on from"):
        Signer.create_state(tmp_path / "state", trusted=note)
    assert os.listdir(tmp_path) == []


# --- crashes


def test_the_state_is_on_disk_before_the_signature_leaves(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bytes] = []
    monkeypatch.setattr("os.fdatasync", lambda descriptor: flushed.append(os.pread(descriptor, 2 * SLOT, 0)))
    for size in (5, 6, 7):
        assert sign(signer, size) in flushed[-1]
    assert len(flushed) == 4  # one a signature, and one for what was found at the start


class Disk:
    """A disk under the state's file: what a flush has reached. One that fails leaves what was to be written as if it
    were clean, as Linux does, so that a later flush writes none of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path):
        self.failing, self.octets = 0, bytearray(path.read_bytes())
        self._dirty: dict[int, bytes] = {}
        self._pwrite = os.pwrite
        monkeypatch.setattr("os.pwrite", self.pwrite)
        monkeypatch.setattr("os.fdatasync", self.fdatasync)

    def pwrite(self, descriptor: int, octets: bytes, offset: int) -> int:
        self._dirty[offset] = octets
        return self._pwrite(descriptor, octets, offset)

    def fdatasync(self, descriptor: int) -> None:
        dirty, self._dirty = self._dirty, {}
        if self.failing:
            self.failing -= 1
            raise OSError(5, "Input/output error")
        for offset, octets in dirty.items():
            self.octets[offset : offset + len(octets)] = octets

    def latest(self) -> bytes | None:
        """What a power cut would leave."""
        slots = [_parse(bytes(self.octets[n : n + SLOT])) for n in (0, SLOT)]
        return max((slot for slot in slots if slot is not None), key=lambda slot: slot.number).note


@pytest.mark.parametrize("another", [False, True])
def test_what_was_not_flushed_is_written_again(signer: Signer, monkeypatch: pytest.MonkeyPatch, another: bool) -> None:
    """By the same process, or by another one which finds it: a note that leaves is on the disk."""
    sign(signer, 5)
    disk = Disk(monkeypatch, signer.path)
    disk.failing = 2
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            sign(signer, 6)
    if another:
        signer = Signer([SEED], ORIGIN, signer.path)
    given = sign(signer, 6)
    assert size_of(given) == 6
    assert disk.latest() == given


def test_a_failed_flush_costs_no_checkpoint_that_was_given_away(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails when, the disk has the last note that left, or a later one."""
    disk = Disk(monkeypatch, signer.path)
    given, failures = 0, iter([1, 0, 2, 0, 0, 3, 1, 0, 0, 0])
    for size in range(1, 30):
        disk.failing = disk.failing or next(failures, 0)
        try:
            given = size_of(sign(signer, size))
        except OSError:
            signer = Signer([SEED], ORIGIN, signer.path) if size % 2 else signer
        assert size_of(disk.latest()) >= given
    assert given == 29


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_torn_write_leaves_the_checkpoint_before(data: st.DataObject) -> None:
    """Whatever pieces of the last write reached the disk: what counts is this one or the one before."""
    size = data.draw(st.integers(1, 5))
    kept = data.draw(st.lists(st.booleans(), min_size=32, max_size=32))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "operator.state"
        Signer.create_state(path)
        signer = Signer([SEED], ORIGIN, path)
        before = [sign(signer, n) for n in range(1, size + 1)][-1]
        old = path.read_bytes()
        after = sign(signer, size + 1)
        new = path.read_bytes()
        pieces = zip(kept, range(0, 2 * SLOT, SLOT // 16), strict=True)
        path.write_bytes(b"".join((new if keep else old)[n : n + SLOT // 16] for keep, n in pieces))
        assert Signer([SEED], ORIGIN, path).latest() in (before, after)
        assert size_of(sign(Signer([SEED], ORIGIN, path), size + 2)) == size + 2


@pytest.mark.parametrize("octets", [b"", bytes(2 * SLOT), b"x" * 2 * SLOT, b"\xff" * SLOT])
def test_a_damaged_state_is_as_good_as_lost(signer: Signer, octets: bytes) -> None:
    sign(signer, 9)
    signer.path.write_bytes(octets)
    with pytest.raises(SignerRefused, match="damaged"):
        sign(signer, 10)


# --- several at once


def test_threads_share_a_signer(signer: Signer) -> None:
    with ThreadPoolExecutor(8) as pool:
        notes = list(pool.map(lambda size: sign(signer, size, Leaves(200)), range(1, 101)))
    assert all(size_of(note) >= size for size, note in enumerate(notes, 1))
    assert size_of(signer.latest()) == 100


def test_slots_lie_in_sectors_of_their_own(signer: Signer) -> None:
    """So that a write which a power cut tears cannot reach the other slot."""
    before = [signer.path.read_bytes()[n : n + SLOT] for n in (0, SLOT)]
    assert (SLOT, len(before[1])) == (4096, SLOT)
    for size, changed in ((1, 1), (2, 0), (3, 1)):
        sign(signer, size)
        octets = signer.path.read_bytes()
        after = [octets[n : n + SLOT] for n in (0, SLOT)]
        assert after[1 - changed] == before[1 - changed]
        assert after[changed] != before[changed]
        before = after
