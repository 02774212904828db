"""docs/verify-it-yourself.md, run as it stands against `comarca serve`: true receipts give `ok` on every line, and each
spoiled one a `WRONG` in the chapters that should find it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.log import base64s, checkpoint, merkle
from tests.lived import Lived
from tests.others.golang import has_go
from tests.others.serving import served

PAGE = (Path(__file__).parent.parent.parent / "docs" / "verify-it-yourself.md").read_text(encoding="utf-8")
CHAPTERS = re.split(r"^## ", PAGE, flags=re.MULTILINE)  # the first is what stands before chapter 1
TOOLS = ("bash", "openssl", "jq", "xxd", "curl", "base64", "sha256sum", "sed", "grep")
PROGRAMS = {"python": "paths.py", "go": "verify.go"}  # the names that the page gives them
GO = 7
Said = dict[int, list[str]]  # by chapter, the lines that say ok or WRONG


def blocks(chapter: int, language: str) -> list[str]:
    """A chapter's blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", CHAPTERS[chapter], re.MULTILINE | re.DOTALL)


class Reader(NamedTuple):
    """An outsider in a folder of its own, who has the page, the statutes and the ledger's address."""

    folder: Path
    address: str

    def reads(self, receipt: Any, *chapters: int) -> tuple[Said, str]:
        """What each chapter says of a receipt, when it is read after those before it; and all that was printed."""
        (self.folder / "receipt.json").write_text(json.dumps(receipt))
        script = []
        for chapter in [0, *chapters]:
            script += [f"echo '# {chapter}' | tee /dev/stderr", *blocks(chapter, "sh")]
        text = "\n".join(script).replace("ledger=http://127.0.0.1:8080/solana", f"ledger={self.address}")
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        run = subprocess.run(["bash", "-c", text], cwd=self.folder, env=environment, capture_output=True, text=True,
                             timeout=120)  # fmt: skip
        return self.by_chapter(run.stdout, run.stderr), run.stdout + run.stderr

    def by_chapter(self, *outputs: str) -> Said:
        said: Said = {}
        for output in outputs:
            for part in re.split(r"^# (?=[0-9]\n)", output, flags=re.MULTILINE)[1:]:
                number, *lines = part.splitlines()
                said.setdefault(int(number), []).extend(
                    re.findall(r"^(?:ok|WRONG): .*", "\n".join(lines), re.MULTILINE)
                )
        return said


@pytest.fixture(scope="module")
def reader(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader, and the ledger in which everything has happened, served."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"the page asks for tools that are not on this machine: {' '.join(missing)}")
    folder, office = tmp_path_factory.mktemp("reader"), tmp_path_factory.mktemp("office")
    (folder / "identity").write_text(base64s.encode(lived.identity) + "\n")
    for chapter in range(len(CHAPTERS)):
        for language, name in PROGRAMS.items():
            for block in blocks(chapter, language):
                (folder / name).write_text(block)
    with served(office, lived.url, lived.operator) as address:
        yield Reader(folder, f"{address}/solana")


def with_go(*chapters: int) -> list[int]:
    """These chapters, but Go's where there is no Go."""
    return [chapter for chapter in chapters if chapter != GO or has_go()]


def test_no_chapter_is_left_out() -> None:
    """Chapter 7 is run where there is Go; the tests below go without it elsewhere, and this one says so."""
    assert [part[:2] for part in CHAPTERS[1:]] == [*(f"{chapter}." for chapter in range(1, GO + 1)), "Wh"]
    if not has_go():
        pytest.skip("chapter 7 is not run: apt install golang-go golang-golang-x-mod-dev")


# --- true receipts

OLDER = ("transfer", "set_operator")  # shown under an older checkpoint, from which the log grew


@pytest.mark.parametrize(
    ("what", "whose"),
    [("genesis", "admin"), ("transfer", "baker"), ("transfer_many", "miller"), ("transfer by a new key", "miller"),
     ("veto by a live key", "baker"), ("set_operator", "admin")],
)  # fmt: skip
def test_a_true_receipt(lived: Lived, reader: Reader, what: str, whose: str) -> None:
    holders = {"admin": lived.administrators[1][0], "baker": lived.baker, "miller": lived.miller}
    today = lived.door.head().size
    size = since_the_operator(lived) if what in OLDER else today
    said, printed = reader.reads(lived.receipt(what, holders[whose], size), *(chapters := with_go(1, 2, 3, 4, 5, 6, 7)))
    assert "WRONG" not in printed and "error" not in printed, printed
    assert [chapter for chapter in chapters if not said[chapter]] == [], printed
    grown = f"ok: from {size} to {today} entries the log only grew"
    assert all(grown in said[chapter] for chapter in with_go(5, GO))


@pytest.mark.parametrize("first", [True, False])
def test_for_thirty_days_two_keys_of_the_operator_sign(lived: Lived, reader: Reader, first: bool) -> None:
    """The line of the key that the receipt does not lead to is passed over, whichever comes first."""
    size = since_the_operator(lived)
    receipt = lived.receipt("transfer", lived.baker, size)
    head, line = receipt["checkpoint"].split("\n\n")
    root = base64s.decode(head.split("\n")[2], 32)
    other = checkpoint.sign(lived.former_operator, lived.origin, size, root).decode().split("\n\n")[1]
    receipt["checkpoint"] = head + "\n\n" + (other + line if first else line + other)
    said, printed = reader.reads(receipt, *with_go(1, 2, 3, 4, 5, 6, 7))
    assert "WRONG" not in printed and f"ok: signed by {lived.origin}: {lived.origin}" in said[4], printed


def since_the_operator(lived: Lived) -> int:
    """A log size that the operator's last key has signed, and not the last size."""
    return lived.index["set_operator"] + 2


def test_what_they_show(lived: Lived, reader: Reader) -> None:
    """The words, the amounts and the signers are said, and not only that something holds."""
    said, printed = reader.reads(lived.receipt("transfer", lived.baker), 1, 2, 3, 4)
    assert f"ok: .entry is entry {lived.index['transfer']} of {lived.door.head().size}" in said[2]
    assert 'ok: memo: "rye – sègol"' in said[3]
    assert any(line.endswith(": comarca/instruction@v1 transfer") for line in said[4])
    assert '"amount":120' in printed


# --- spoiled ones


def flipped(text: str, at: int = 5) -> str:
    """Base64 of other octets."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def in_place(*place: Any, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    """What changes one value of a receipt."""

    def spoil(receipt: Any) -> None:
        for step in place[:-1]:
            receipt = receipt[step]
        receipt[place[-1]] = change(receipt[place[-1]])

    return spoil


def swapped(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    return lambda text: "\n".join(change(text.split("\n")))


def root_of_another(parts: list[str]) -> list[str]:
    return [*parts[:2], flipped(parts[2]), *parts[3:]]


def signature_of_another(parts: list[str]) -> list[str]:
    *words, written = parts[4].split(" ")
    return [*parts[:4], " ".join([*words, flipped(written, 20)]), *parts[5:]]


SPOILED: dict[str, tuple[str, Callable[[Any], None], tuple[int, ...]]] = {
    "an octet of the note": (
        "transfer", in_place("entry", "note", change=swapped('"amount":120', '"amount":920')), (2, 4, 6, 7)),
    "a signature of the note": (
        "transfer", in_place("entry", "note", change=lines(signature_of_another)), (2, 4, 6, 7)),
    "no signature of the note": (
        "transfer", in_place("entry", "note", change=lambda text: text.split("— ")[0]), (2, 4, 6)),
    "the time of the entry": ("transfer", in_place("entry", "entry", change=swapped("time 17", "time 18")), (2, 6)),
    "a path": ("transfer", in_place("entry", "path", 1, change=flipped), (2, 6, 7)),
    "a path that is shorter": ("transfer", in_place("entry", "path", change=lambda path: path[:-1]), (2, 6)),
    "another index": ("transfer", in_place("entry", "log_index", change=lambda index: index - 1), (2, 6)),
    "an index below 0": ("transfer", in_place("events", 0, "index", change=lambda index: -1 - index), (3, 6)),
    "an index beyond all": ("transfer", in_place("entry", "log_index", change=lambda index: index + 2**64), (2, 6)),
    "the root": ("transfer", in_place("checkpoint", change=lines(root_of_another)), (2, 4, 6, 7)),
    "the checkpoint's signature": ("transfer", in_place("checkpoint", change=lines(signature_of_another)), (4, 7)),
    "an unsigned checkpoint": ("transfer", in_place("checkpoint", change=lambda text: text.split("— ")[0]), (4, 7)),
    "an event line": ("transfer", in_place("events", 0, "line", change=swapped('"amount":120', '"amount":12')), (3, 6)),
    "a leg": ("transfer_many", in_place("legs", 1, "line", change=swapped('"amount":20', '"amount":29')), (3, 6)),
    "the number of legs": ("transfer_many", in_place("legs", 1, "count", change=lambda count: count + 1), (3, 6)),
    "the words": ("transfer", in_place("texts", 0, "line", change=swapped("rye", "gin")), (3, 6)),
    "words that wipe the screen": (
        "transfer", in_place("texts", 0, "line", change=swapped("rye", "\x1b[2J\rok: rye")), (3, 6)),
    "somebody's key": (
        "transfer", in_place("keys", 1, "event", "line", change=swapped('"key":"A', '"key":"B')), (3, 6)),
    "the genesis": ("transfer", in_place("keys", 0, "entry", change=swapped("time 17", "time 18")), (1, 2, 6)),
    "the note of the genesis": (
        "transfer", in_place("keys", 0, "note", change=swapped('"scale":2', '"scale":3')), (2, 6)),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_receipt(lived: Lived, reader: Reader, how: str) -> None:
    what, spoil, finders = SPOILED[how]
    receipt = lived.receipt(what, lived.baker, lived.index["transfer_many"] + 2)
    spoil(receipt)
    offline = reader._replace(address="")
    shell = range(1, 5 if GO in finders else 1 + max(chapter for chapter in finders if chapter < 5))
    said, printed = offline.reads(receipt, *with_go(*sorted({*shell, *finders})))
    silent = [chapter for chapter in with_go(*finders) if not any(line.startswith("WRONG") for line in said[chapter])]
    assert not silent and "\x1b" not in printed, printed


# --- another log


def test_another_ledger(reader: Reader, foreign: bytes) -> None:
    said, _ = reader.reads(json.loads(foreign), 1, 2)
    assert any(line.startswith("WRONG") for line in said[1])


def forked(lived: Lived, receipt: Any, size: int) -> Any:
    """The same entry in a second log that the same operator has signed, in which another entry stands elsewhere."""
    leaves = [lived.row(index).leaf_hash for index in range(size)]
    leaves[3] = merkle.leaf_hash(b"what others were never shown")
    for part in [*receipt["keys"], receipt["entry"]]:
        part["path"] = [base64s.encode(one) for one in merkle.path_in(leaves, part["log_index"])]
    signed = checkpoint.sign(lived.operator_at(size), lived.origin, size, merkle.root(leaves))
    return {**receipt, "checkpoint": signed.decode()}


def test_a_second_log_of_the_same_operator(lived: Lived, reader: Reader) -> None:
    """All is well with such a receipt but that the log that others see does not go on from its checkpoint."""
    size = since_the_operator(lived)
    receipt = forked(lived, lived.receipt("transfer", lived.baker, size), size)
    said, printed = reader.reads(receipt, *with_go(1, 2, 3, 4, 5, 7))
    wrong = {chapter for chapter, lines in said.items() if any(line.startswith("WRONG") for line in lines)}
    assert wrong == set(with_go(5, GO)), printed


def test_a_checkpoint_from_before_the_operators_key_was_changed(lived: Lived, reader: Reader) -> None:
    """The page says so: take a newer receipt."""
    said, _ = reader.reads(lived.receipt("transfer", lived.baker, lived.index["set_operator"]), 1, 2, 3, 4, 5)
    assert [line[:5] for line in said[5]] == ["WRONG", "ok: f"]
