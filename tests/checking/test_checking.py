"""The check of an exported log: whatever octet is changed, it names the file; what is whole passes."""

import os
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.checking.checking import Checked, Trust, check
from ledger.checking.files import WrongFile
from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Site
from ledger.log import checkpoint, keys, salted
from ledger.log.records import Record
from tests.exports.made import KEY, ORIGIN, SEED, START, MadeLog, note_of

LOG = MadeLog(300)
OTHER = bytes(31) + b"\x01"
NEW_SEED = bytes(31) + b"\x07"


def export(folder: Path, log: MadeLog, personal: bool = True) -> Path:
    private = private_folder(folder)
    Site(folder, log).export(lambda more: None, PrivateFolder(private, log, log.size, personal))
    return private


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with everything in it, which tests put right again; older parts of tiles lie in it as well."""
    folder = tmp_path_factory.mktemp("whole") / "log"
    for size in (290, 300):
        export(folder, LOG.shrunk(size))
    return folder


def checked(folder: Path, trust: Trust = Trust(KEY), older: bytes | None = None) -> Checked:  # noqa: B008
    return check(folder, trust, private_folder(folder), older)


def changed(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file with one octet changed, at about a dozen places, the first and the last among them."""
    octets = path.read_bytes()
    for place in sorted({0, 1, 2, len(octets) - 1, *range(3, len(octets), len(octets) // 9 or 1)}):
        for flip in (0x01, 0x80):
            yield place, octets[:place] + bytes([octets[place] ^ flip]) + octets[place + 1 :]


def test_what_is_whole_passes(whole: Path) -> None:
    found = checked(whole)
    assert (found.origin, found.size, found.root) == (ORIGIN, 300, LOG.tree.root(300))
    assert (found.identity, found.time, found.beyond) == (LOG.identity(), START + 299 // 3, 0)
    assert found.note == LOG.checkpoint() and found.instructions and found.texts == len(range(5, 300, 5))
    for trust in (Trust(identity=LOG.identity()), Trust(KEY, LOG.identity(), ORIGIN)):
        assert checked(whole, trust) == found


def test_any_octet_of_any_file_is_found_and_named(whole: Path) -> None:
    files = [path for top in (whole, private_folder(whole)) for path in sorted(top.rglob("*")) if path.is_file()]
    names = [str(path.relative_to(whole.parent)) for path in files]
    assert len(names) == 13 and "log/tile/0/001.p/34" in names and "log.private/personal.jsonl" in names
    for path in files:
        if path.name == "README.txt":
            continue
        good, count = path.read_bytes(), 0
        for place, octets in changed(path):
            path.write_bytes(octets)
            with pytest.raises(WrongFile) as error:
                checked(whole)
            name = str(path.relative_to(whole if path.is_relative_to(whole) else whole.parent))
            assert error.value.path == name, (place, str(error.value))
            count += 1
        path.write_bytes(good)
        assert count >= 20
    checked(whole)


def test_files_cut_short_longer_or_gone(whole: Path) -> None:
    for top in (whole, private_folder(whole)):
        for path in sorted(top.rglob("*")):
            if not path.is_file() or path.name == "README.txt":
                continue
            good = path.read_bytes()
            for octets in (good[:-1], good + b"\0", good + good[-32:], b""):
                path.write_bytes(octets)
                with pytest.raises(WrongFile):
                    checked(whole)
            path.unlink()
            if "290" not in path.name and path.name not in ("genesis", "personal.jsonl", "34"):
                with pytest.raises(WrongFile, match="is missing"):
                    checked(whole)
            path.write_bytes(good)
    checked(whole)


def test_the_message_says_where(whole: Path) -> None:
    def said(name: str, change: int) -> str:
        path = whole / name
        good = path.read_bytes()
        path.write_bytes(good[:change] + bytes([good[change] ^ 1]) + good[change + 1 :])
        with pytest.raises(WrongFile) as error:
            checked(whole)
        path.write_bytes(good)
        return str(error.value)

    assert said("tile/0/000", 32 * 77 + 5) == "tile/0/000: hash 77 is not that of entry 77"
    assert said("tile/0/001.p/44", 32 * 7) == "tile/0/001.p/44: hash 7 is not that of entry 263"
    assert said("tile/1/000.p/1", 3) == "tile/1/000.p/1: hash 0 is not made of the tile below"
    assert "entry 0 is not the one that was logged" in said("tile/entries/000", 2 + 22 + 5)
    assert "the bundle ends within its entry" in said("tile/entries/001.p/44", 0)


def test_files_that_are_no_tiles_and_tiles_beyond_the_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    export(folder, LOG)
    (folder / "index.html").write_text("<p>a log")  # beside the tiles, a host may have what it likes
    (folder / "tile/0/002.p").mkdir()
    (folder / "tile/0/002.p/3").write_bytes(bytes(96))
    assert checked(folder).beyond == 1
    for name in ("tile/0/x1", "tile/notes", "tile/0/000.p/300", "tile/0/0000"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        with pytest.raises(WrongFile, match="the file of no tile"):
            checked(folder)
        path.unlink()


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A pipe never ends, links go round, folders go deep: each is named, where it stands."""
    export(tmp_path / "log", MadeLog(3))
    for name in ("checkpoint", "genesis", "tile/entries/000.p/3", "tile/0/000.p/3", "tile/0/000.p/2"):
        shutil.copytree(tmp_path / "log", tmp_path / "copy")
        (tmp_path / "copy" / name).unlink(missing_ok=True)
        os.mkfifo(tmp_path / "copy" / name)
        with pytest.raises(WrongFile, match=f"^{name}: "):
            check(tmp_path / "copy", Trust(KEY))
        shutil.rmtree(tmp_path / "copy")
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / "log" / "tile" / one).symlink_to(".")
        (tmp_path / "log" / "tile" / other).symlink_to(".")
        with pytest.raises(WrongFile, match=r"^tile/[ab]: is the file of no tile"):
            check(tmp_path / "log", Trust(KEY))
        (tmp_path / "log" / "tile" / one).unlink()
        (tmp_path / "log" / "tile" / other).unlink()
    (tmp_path / "log" / "/".join(("tile", *"x" * 50))).mkdir(parents=True)
    with pytest.raises(WrongFile, match=r"^tile(/x){9}: is the file of no tile"):
        check(tmp_path / "log", Trust(KEY))


# --- whose log


@pytest.mark.parametrize(
    ("trust", "name"),
    [(Trust(keys.public_of(OTHER)), "checkpoint"), (Trust(KEY, OTHER), "tile/entries/000"),
     (Trust(KEY, origin="ledger.example/luna"), "checkpoint"), (Trust(identity=OTHER), "tile/entries/000")],
)  # fmt: skip
def test_another_key_identity_or_origin(whole: Path, trust: Trust, name: str) -> None:
    with pytest.raises(WrongFile) as error:
        checked(whole, trust)
    assert error.value.path == name


def test_trust_in_nothing_is_no_check(whole: Path) -> None:
    with pytest.raises(ValueError, match="whose log"):
        checked(whole, Trust(origin=ORIGIN))


def test_without_the_genesis_the_key_must_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    export(folder, LOG)
    (folder / "genesis").unlink()
    assert checked(folder, Trust(KEY)).size == 300
    with pytest.raises(WrongFile, match="name it by its verifier key"):
        checked(folder, Trust(identity=LOG.identity()))


def test_an_operator_s_key_that_was_changed_is_found_in_the_events(tmp_path: Path) -> None:
    event = f'{{"event":"operator_set","operator":"{keys.encode(keys.public_of(NEW_SEED))}"}}'
    line = salted.line(bytes(16), event.encode())
    changing = Record(41, note_of(41, f'{{"id":"{41:012x}7000800000000000000f"}}', "set_operator"), None, (line,))

    class Changed(MadeLog):
        def checkpoint(self) -> bytes:
            self.seed, old = NEW_SEED if self.size > 41 else SEED, self.seed
            try:
                return super().checkpoint()
            finally:
                self.seed = old

    log = Changed(100, special={41: changing})
    export(tmp_path / "log", log)
    older = MadeLog(30).checkpoint()
    assert checked(tmp_path / "log", Trust(identity=log.identity()), older).size == 100
    assert checked(tmp_path / "log", Trust(keys.public_of(NEW_SEED))).size == 100
    with pytest.raises(WrongFile, match="if it was changed since, name the new one"):
        check(tmp_path / "log", Trust(identity=log.identity()))
    with pytest.raises(WrongFile, match="not signed"):  # a key that was named stands, whatever the log says
        checked(tmp_path / "log", Trust(KEY))


# --- how it went on


def test_it_must_go_on_from_an_older_checkpoint(whole: Path) -> None:
    for size in (1, 2, 255, 256, 257, 299, 300):
        assert checked(whole, older=LOG.shrunk(size).checkpoint()).size == 300
    for size in (1, 255, 256, 300):
        with pytest.raises(WrongFile, match="these are two logs"):
            checked(whole, older=MadeLog(size, salt="other").checkpoint())
    with pytest.raises(WrongFile, match="the log shrank"):
        checked(whole, older=MadeLog(301).checkpoint())
    with pytest.raises(
        WrongFile, match=r"the older checkpoint: .* if another key was the operator's then, name its verifier key"
    ):
        checked(whole, older=MadeLog(10, seed=OTHER).checkpoint())
    then = Trust(KEY, older_key=keys.public_of(OTHER))
    kept = checkpoint.parse(LOG.shrunk(10).checkpoint())
    assert checked(whole, then, checkpoint.sign(OTHER, kept.origin, 10, kept.root)).size == 300
    with pytest.raises(WrongFile, match="the older checkpoint"):
        checked(whole, then, LOG.shrunk(10).checkpoint())
    with pytest.raises(WrongFile, match="the older checkpoint"):
        checked(whole, older=b"of a game")


def test_times_that_run_backwards(tmp_path: Path) -> None:
    for place in (3, 256, 299):
        folder = tmp_path / f"at-{place}"
        export(folder, MadeLog(300, times={place: START - 1}))
        with pytest.raises(WrongFile, match=f"entry {place}: its time lies before"):
            checked(folder)


def test_instructions_of_another_size(tmp_path: Path) -> None:
    export(tmp_path / "log", LOG.shrunk(290))
    Site(tmp_path / "log", LOG).export(lambda more: None)
    with pytest.raises(WrongFile, match=r"records/001\.p/44\.jsonl: is missing: export again"):
        checked(tmp_path / "log")
    assert check(tmp_path / "log", Trust(KEY)).size == 300


def test_legs_that_were_not_signed(tmp_path: Path) -> None:
    """A line that no entry binds would be refilled into a database."""
    folder = tmp_path / "log"
    private = export(folder, LOG)
    path = private / "records/000.jsonl"
    good = path.read_text()
    lines = good.split("\n")
    with_legs = next(n for n, line in enumerate(lines) if '"legs"' in line)
    without = next(n for n, line in enumerate(lines) if '"log_index":1,' in line)
    start, end = lines[with_legs].index('"legs"'), lines[with_legs].index('"log_index"')
    legs = lines[with_legs][start:end]
    for n, line in ((without, lines[without].replace('"log_index"', legs + '"log_index"')),
                    (with_legs, lines[with_legs].replace(legs, ""))):  # fmt: skip
        path.write_text("\n".join([*lines[:n], line, *lines[n + 1 :]]))
        with pytest.raises(WrongFile, match="the legs are not those that were signed"):
            checked(folder)


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    peaks = []
    for size in (1_000, 6_000):
        folder = tmp_path / f"{size}"
        export(folder, MadeLog(size))
        tracemalloc.start()
        checked(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        shutil.rmtree(folder)
    assert peaks[1] < 1.3 * peaks[0]
