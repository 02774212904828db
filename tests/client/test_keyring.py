"""Keyrings: what two of them add to one file stands there together."""

from pathlib import Path

import pytest

from ledger.client.keyring import Keyring
from ledger.core.words import HolderId
from ledger.signer import keyfile
from tests.territory import Clock, seed

PASSWORD = b"only for tests"


def test_two_at_once_lose_none_of_each_others_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.client.keyring.add_keys", lambda *args: keyfile.add_keys(*args, cost=2))
    path, clock = tmp_path / "keyring.json", Clock()
    anna, berta = HolderId(clock.id()), HolderId(clock.id())
    first, second = Keyring(path, PASSWORD), Keyring(path, PASSWORD)
    first.add({anna: seed("anna")}, {anna: "Bakery"})
    second.add({berta: seed("berta")})
    whole = Keyring(path, PASSWORD)
    assert {holder: whole.seed(holder) for holder in whole.holders} == {anna: seed("anna"), berta: seed("berta")}
    assert whole.labelled("Bakery") == anna
