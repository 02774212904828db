"""The journal: appended, torn, locked, of another ledger."""

import os
from pathlib import Path

import pytest

from ledger.client.journal import Journal, JournalError
from ledger.signer.keyfile import KeyFileError

HEADER = {"file": "ab" * 32}


def test_records_are_there_again(tmp_path: Path) -> None:
    path = tmp_path / "one.payments"
    with Journal(path, HEADER) as journal:
        assert journal.records == []
        journal.append([{"row": 1}, {"row": 2, "text": "Café\n"}])
        journal.sync()
    with Journal(path, HEADER) as journal:
        assert journal.records == [HEADER, {"row": 1}, {"row": 2, "text": "Café\n"}]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "one.payments"
    with Journal(path, HEADER) as journal:
        journal.append([{"row": 1}, {"row": 22}])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Journal(path, HEADER) as journal:
        assert journal.records == [HEADER, {"row": 1}]
        journal.append([{"row": 3}])
    with Journal(path, HEADER) as journal:
        assert journal.records == [HEADER, {"row": 1}, {"row": 3}]


def test_a_torn_first_line_is_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "one.payments"
    Journal(path, HEADER).close()
    os.truncate(path, 5)
    with Journal(path, HEADER) as journal:
        assert journal.records == []
    assert path.read_bytes().endswith(b"\n")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.payments"
    with Journal(path, HEADER) as journal:
        journal.append([{"row": 1}, {"row": 2}])
    path.write_bytes(path.read_bytes().replace(b'{"row":1}', b'{"row":x}'))
    with pytest.raises(JournalError, match="line 2 is damaged"):
        Journal(path, HEADER)


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.payments"
    with Journal(path, HEADER), pytest.raises(JournalError, match="another import"):
        Journal(path, HEADER)
    Journal(path, HEADER).close()


def test_another_ledgers_journal(tmp_path: Path) -> None:
    path = tmp_path / "one.payments"
    Journal(path, HEADER).close()
    with pytest.raises(JournalError, match="belongs to file abab"):
        Journal(path, {"file": "cd" * 32})


def test_one_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "one.payments"
    Journal(path, HEADER).close()
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Journal(path, HEADER)
