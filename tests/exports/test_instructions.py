"""The instructions beside an export: a folder for the operator alone, kept up, without what was erased since."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.checking.checking import Trust, check
from ledger.exports.instructions import PrivateFolder, private_folder
from ledger.exports.site import Site
from ledger.log import salted
from ledger.log.records import Erased, Record
from tests.exports.made import KEY, MadeLog

WHOLE = MadeLog(600)


def export(folder: Path, log: MadeLog, personal: bool = False) -> Path:
    private = private_folder(folder)
    Site(folder, log).export(lambda more: None, PrivateFolder(private, log, log.size, personal))
    return private


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        private = export(tmp_path / "log", WHOLE, personal=True)
    finally:
        os.umask(old)
    assert private == tmp_path / "log.private"
    assert private.stat().st_mode & 0o777 == 0o700
    for path in private.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert "NEVER PUBLISH" in (private / "README.txt").read_text()
    assert not any("private" in name or "jsonl" in name for name in names(tmp_path / "log"))


def test_it_is_kept_up_with_the_log(tmp_path: Path) -> None:
    for size in (1, 200, 256, 300, 600):
        private = export(tmp_path / "log", WHOLE.shrunk(size), personal=True)
        checked = check(tmp_path / "log", Trust(KEY), private)
        assert (checked.size, checked.instructions, checked.texts) == (size, True, len(range(5, size, 5)))
    assert names(private) == {"README.txt", "personal.jsonl", "records/000.jsonl", "records/001.jsonl",
                              "records/002.p/88.jsonl"}  # fmt: skip


def test_cut_off_before_the_checkpoint_both_stand_as_they_were(tmp_path: Path) -> None:
    export(tmp_path / "log", WHOLE.shrunk(300), personal=True)

    class CutOff(PrivateFolder):
        def write(self) -> None:
            super().write()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        private = private_folder(tmp_path / "log")
        Site(tmp_path / "log", WHOLE).export(lambda more: None, CutOff(private, WHOLE, 600, False))
    assert check(tmp_path / "log", Trust(KEY), private).size == 300
    export(tmp_path / "log", WHOLE)
    assert check(tmp_path / "log", Trust(KEY), private).size == 600


def test_personal_data_are_there_only_if_asked_for_each_time(tmp_path: Path) -> None:
    private = export(tmp_path / "log", WHOLE)
    assert "personal.jsonl" not in names(private)
    export(tmp_path / "log", WHOLE, personal=True)
    assert "personal.jsonl" in names(private)
    export(tmp_path / "log", WHOLE)
    assert "personal.jsonl" not in names(private)
    assert check(tmp_path / "log", Trust(KEY), private).texts == 0


HASH = f"{'A' * 43}="  # of 32 octets, all zero


def test_a_note_that_was_erased_leaves_the_folder(tmp_path: Path) -> None:
    erased = Erased(f"{7:012x}7000800000000000000f", "transfer", bytes(32))
    event = f'{{"entry":7,"event":"erased","id":"{erased.id}","kind":"transfer","text_hash":"{HASH}"}}'
    line = salted.line(bytes(16), event.encode())
    special = {299: WHOLE.record(299)._replace(events=(line,))}
    private = export(tmp_path / "log", MadeLog(300, special=special))
    note = WHOLE.record(7).note
    assert note is not None

    class Forgetful(MadeLog):
        def records(self, number: int, width: int):  # type: ignore[no-untyped-def]
            for record in super().records(number, width):
                yield Record(7, None, None, record.events, erased) if record.log_index == 7 else record

        def bundles_with_erased(self, size: int) -> set[int]:
            return {0}

    export(tmp_path / "log", Forgetful(300, special=special))
    assert note.decode().split("\n")[2].replace('"', '\\"') not in (private / "records/000.jsonl").read_text()
    assert check(tmp_path / "log", Trust(KEY), private).instructions


def test_killed_on_its_way_it_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    private = export(folder, WHOLE.shrunk(200), personal=True)
    for answers in (3, 5, 7):
        command = [sys.executable, "-m", "tests.exports.exporting_process", str(folder), "600"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            for _ in range(answers):
                assert "TilePath" in process.stdout.readline()
                process.stdin.write("\n")
                process.stdin.flush()
            process.kill()
        assert check(folder, Trust(KEY), private).size == 200
    export(folder, WHOLE, personal=True)
    assert check(folder, Trust(KEY), private).size == 600
    assert not list(tmp_path.rglob(".new"))
