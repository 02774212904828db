"""Go's packages note and tlog, which know nothing of us, agree with ours: they open our checkpoints and instructions,
check our proofs, read our logs through their tiles, and refuse what was spoiled."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.core.keys import KEYS
from ledger.log import base64s, keys, merkle, notes
from ledger.log.malformed import Malformed
from tests.exports.exporting import export
from tests.lived import Lived
from tests.log.test_merkle import LEAVES, MOST, SIZES, TREE, node
from tests.others.conftest import LONG
from tests.others.golang import Go
from tests.others.serving import served
from tests.tables import entries, projected
from tests.territory import TerritoryOfTests

Question = dict[str, Any]


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Go:
    """The counterpart; skips where there is no Go."""
    return Go(tmp_path_factory.mktemp("go"))


def b64(hashes: list[bytes]) -> list[str]:
    return [base64s.encode(octets) for octets in hashes]


# --- notes


@pytest.fixture(scope="module")
def vkeys(lived: Lived) -> list[str]:
    """Everybody's verifier keys, those that have ended too; those of no holder are the operator's."""
    found = projected(lived.store, lived.ledger_id)[KEYS.name]
    names = [f"{lived.origin}/{key.holder.hex()}" if key.holder else lived.origin for key in found]
    return [keys.vkey(name, key.public) for name, key in zip(names, found, strict=True)]


def all_notes(lived: Lived) -> list[bytes]:
    """Every note in the log, and a checkpoint of every size."""
    kept = [row.note for row in entries(lived.store, lived.ledger_id) if row.note is not None]
    return [*kept, *(lived.checkpoint(size) for size in range(1, lived.door.head().size + 1))]


def test_every_note_and_checkpoint_is_opened(lived: Lived, vkeys: list[str], go: Go) -> None:
    given = all_notes(lived)
    answers = go.judge([{"note": note.decode(), "keys": vkeys} for note in given])
    for note, answer in zip(given, answers, strict=True):
        text, lines = notes.open_note(note)
        assert answer == {"text": text.decode(), "verified": [line.name for line in lines], "unverified": None}


def spoiled(note: bytes, chance: Random) -> bytes:
    """A note with one bit changed, or an octet gone, doubled or moved."""
    at, other = chance.randrange(len(note)), chance.randrange(len(note))
    octet = note[at : at + 1]
    gone = note[:at] + note[at + 1 :]
    return chance.choice([
        note[:at] + bytes([octet[0] ^ 1 << chance.randrange(7)]) + note[at + 1 :],
        gone, note[:at] + octet + note[at:], gone[:other] + octet + gone[other:],
    ])  # fmt: skip


def test_a_spoiled_note_is_opened_by_nobody(lived: Lived, vkeys: list[str], go: Go) -> None:
    """Go takes base64 whose unused bits are set, and says the same of the note then; ours is stricter."""
    chance, opened = Random(20_261_128), 0
    pairs = [(note, spoiled(note, chance)) for note in all_notes(lived) for _ in range(30)]
    pairs = [(note, other) for note, other in pairs if note != other and is_utf8(other)]
    answers = go.judge([{"note": other.decode(), "keys": vkeys} for _, other in pairs])
    assert len(pairs) > 1_500
    for (note, other), answer in zip(pairs, answers, strict=True):
        text, lines = notes.open_note(note)
        if "error" in answer or answer["unverified"] or len(answer["verified"]) < len(lines):
            continue
        opened += 1
        assert (answer["text"], answer["verified"]) == (text.decode(), [line.name for line in lines])
        with pytest.raises(Malformed):
            notes.open_note(other)
    assert opened < 20


def is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- proofs

STEPS: tuple[Callable[[int], int], ...] = (lambda n: n, lambda n: n + 1, lambda n: n - 1)


def spoiled_path(path: list[bytes], chance: Random) -> list[bytes]:
    """A path as it is, or with a hash changed, gone, doubled, or put elsewhere."""
    if not path:
        return chance.choice([path, [LEAVES[0]]])
    at = chance.randrange(len(path))
    other = bytes([path[at][0] ^ 1]) + path[at][1:]
    before, after = path[:at], path[at + 1 :]
    return chance.choice([path, [*before, other, *after], before + after, [*path, other], [*after, *before, path[at]]])


def test_proofs_and_spoiled_proofs_are_judged_alike(go: Go) -> None:
    chance = Random(20_261_128)
    questions: list[Question] = []
    ours: list[bool] = []
    for _ in range(4_000):
        size = chance.randint(1, MOST)
        index, old = chance.randrange(size), chance.randint(1, size)
        path = spoiled_path(TREE.path(index, 0, size), chance)
        index, other = (chance.choice(STEPS)(value) for value in (index, size))
        root, leaf = TREE.root(size), LEAVES[min(index, MOST - 1)]
        if 0 <= index < other:
            questions.append({"proof": b64(path), "size": other, "index": index, "root": b64([root])[0],
                              "leaf": b64([leaf])[0]})  # fmt: skip
            ours.append(merkle.verify_inclusion(leaf, index, other, path, root))
        path = spoiled_path(TREE.proof(old, size), chance)
        was, old = TREE.root(old), chance.choice(STEPS)(old)
        if 0 < old <= other:
            questions.append({"proof": b64(path), "size": other, "old": old, "root": b64([root])[0],
                              "was": b64([was])[0]})  # fmt: skip
            ours.append(merkle.verify_consistency(old, other, was, root, path))
    theirs = ["error" not in answer for answer in go.judge(questions)]
    assert [asked for asked, one, two in zip(questions, ours, theirs, strict=True) if one != two] == []
    assert 500 < sum(ours) < len(ours) - 500


def test_all_proofs_of_all_sizes_are_those_that_go_makes(go: Go) -> None:
    """Of each leaf in each tree, and from each size to each larger one: 90,300 proofs, compared by their hash."""
    inclusion, consistency = hashlib.sha256(), hashlib.sha256()
    for size in SIZES:
        for n in range(size):
            inclusion.update(written(merkle.inclusion_path(n, size, node)))
            consistency.update(written(merkle.consistency_path(n + 1, size, node)))
    leaves = json.dumps([f"leaf {n}" for n in range(MOST)])
    assert go.good("proofs", given=leaves) == [inclusion.hexdigest(), consistency.hexdigest()]


def written(path: list[bytes]) -> bytes:
    return b"%d\n" % len(path) + b"".join(path)


# --- whole logs


def vkey(territory: TerritoryOfTests) -> str:
    return keys.vkey(territory.origin, keys.public_of(territory.operator))


def tiles_of_all_sizes(size: int) -> int:
    """Of a log of 257 to 511 entries: one full tile, every part of it, every part of the second, one of the level
    above."""
    return 256 + (size - 256) + 1


def test_a_served_log_is_read_through_its_tiles(long: TerritoryOfTests, go: Go, tmp_path: Path) -> None:
    """Every entry and every older size proved with the tiles; each tile of each size as Go makes it."""
    with served(tmp_path, long.url, long.operator) as address:
        assert go.good("site", f"{address}/solana", vkey(long)) == [str(LONG), str(tiles_of_all_sizes(LONG))]


def test_an_exported_log_and_a_spoiled_one(lived: Lived, go: Go, tmp_path: Path) -> None:
    export(lived, tmp_path / "site")
    size = lived.door.head().size
    assert go.good("site", str(tmp_path / "site"), vkey(lived)) == [str(size)]
    for name in ("tile/0", "tile/entries", "checkpoint"):
        shutil.copytree(tmp_path / "site", tmp_path / "spoiled", dirs_exist_ok=True)
        path = tmp_path / "spoiled" / name
        found = path if path.is_file() else next(one for one in path.rglob("*") if one.is_file())
        octets = bytearray(found.read_bytes())
        octets[-9] ^= 1
        found.write_bytes(octets)
        run = go.run("site", str(tmp_path / "spoiled"), vkey(lived))
        assert run.returncode == 1 and run.stderr, name
