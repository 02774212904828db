"""The export: a site that a static host serves and a stranger's reader reads; written on, cut off, refused."""

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.checking.checking import Trust, check
from ledger.exports.disk import alone
from ledger.exports.site import Exported, ExportRefused, Site
from ledger.log import keys, tiles
from ledger.log.tiles import TilePath
from tests.exports.made import KEY, ORIGIN, MadeLog
from tests.exports.reader import StaticLog

WHOLE = MadeLog(600)
SIZES = [1, 2, 3, 100, 255, 256, 257, 300, 511, 512, 513, 599, 600]


def export(folder: Path, log: MadeLog) -> Exported:
    return Site(folder, log).export(lambda more: None)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a static file server over tmp_path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_strangers_reader_reads_it_from_a_static_host(tmp_path: Path, served: str) -> None:
    reader = StaticLog(served, keys.vkey(ORIGIN, KEY))
    for size in (1, 256, 600):
        export(tmp_path, WHOLE.shrunk(size))
        assert reader.entries() == WHOLE.entries[:size]


@pytest.mark.parametrize("size", SIZES)
def test_every_file_of_a_size_and_no_other(tmp_path: Path, size: int) -> None:
    log = WHOLE.shrunk(size)
    done = export(tmp_path, log)
    found = files(tmp_path)
    wanted = {tiles.tile_path(*path): log.tile(path) for path in tiles.paths_of(size)}
    assert found == {**wanted, "checkpoint": log.checkpoint(), "genesis": log.genesis()}
    assert done == (0, size, len(found), 0)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=4, unique=True).map(sorted))
def test_written_on_it_has_only_what_is_new(sizes: list[int]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        export(folder, WHOLE.shrunk(sizes[0]))
        for old, new in pairwise(sizes):
            before = {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}
            done = export(folder, WHOLE.shrunk(new))
            assert (done.before, done.size) == (old, new)
            assert {path for path, inode in before.items() if path.exists() and path.stat().st_ino != inode} <= {
                folder / "checkpoint"
            }
            checked = check(folder, Trust(KEY))
            assert (checked.size, checked.root, checked.beyond) == (new, WHOLE.tree.root(new), 0)
        again = export(folder, WHOLE.shrunk(sizes[-1]))
        assert (again.written, again.removed) == (0, 0)


def test_partial_tiles_stay_until_the_full_one_is_published(tmp_path: Path) -> None:
    for size, widths in ((10, {"10"}), (200, {"10", "200"}), (255, {"10", "200", "255"})):
        export(tmp_path, WHOLE.shrunk(size))
        assert {path.name for path in (tmp_path / "tile/entries/000.p").iterdir()} == widths
    done = export(tmp_path, WHOLE.shrunk(256))
    assert done.removed == 6
    assert not list(tmp_path.glob("tile/*/000.p/2*")) and (tmp_path / "tile/1/000.p/1").exists()


class Breaking(MadeLog):
    """A log whose reader is cut off after so many tiles."""

    left = 0

    def tile(self, path: TilePath) -> bytes:
        if path.width < 256 or path.level is None:
            self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().tile(path)


def test_cut_off_anywhere_the_older_log_stands(tmp_path: Path) -> None:
    export(tmp_path, WHOLE.shrunk(200))
    log = Breaking(600)
    for left in range(30):
        log.left = left
        try:
            export(tmp_path, log)
        except KeyboardInterrupt:
            checked = check(tmp_path, Trust(KEY))
            assert checked.size == 200
        else:
            break
    assert check(tmp_path, Trust(KEY)).size == 600 and left > 3
    assert not (tmp_path / ".new").exists()


def test_a_file_that_went_missing_is_put_back(tmp_path: Path) -> None:
    export(tmp_path, WHOLE)
    before = files(tmp_path)
    for name in ("tile/0/001", "tile/entries/000", "genesis", "tile/1/000.p/2"):
        os.remove(tmp_path / name)
    (tmp_path / "tile/0/000").write_bytes(bytes(31))
    assert export(tmp_path, WHOLE).written == 5
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("log", "what"),
    [(MadeLog(300, salt="other"), "holds another log of 200 entries"), (WHOLE.shrunk(199), "comarca log recover"),
     (MadeLog(300, origin="ledger.example/luna"), "holds the log of ledger.example/solana")],
)  # fmt: skip
def test_another_log_is_refused_and_nothing_changes(tmp_path: Path, log: MadeLog, what: str) -> None:
    export(tmp_path, WHOLE.shrunk(200))
    before = files(tmp_path)
    with pytest.raises(ExportRefused, match=what):
        export(tmp_path, log)
    assert files(tmp_path) == before


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text("of a game")
    with pytest.raises(ExportRefused, match="name another folder"):
        export(tmp_path, WHOLE)


def test_tiles_that_do_not_lead_to_the_checkpoint(tmp_path: Path) -> None:
    class Wrong(MadeLog):
        def root(self) -> bytes:
            return bytes(32)

    with pytest.raises(ExportRefused, match="do not lead to the checkpoint"):
        export(tmp_path, Wrong(10))
    assert not (tmp_path / "checkpoint").exists()


def test_two_do_not_write_one_folder_at_once(tmp_path: Path) -> None:
    with alone(tmp_path) as held:
        assert held
        with pytest.raises(ExportRefused, match="another export is writing"):
            export(tmp_path, WHOLE)
    export(tmp_path, WHOLE)
