"""A ledger with what is old enough to be erased, for tests of erasing."""

from typing import Any

from sqlalchemy import text

from ledger.core.transfers import Leg
from ledger.core.words import AccountId
from ledger.log import checkpoint
from ledger.service.receipts import receipt_of
from tests.territory import RETENTION, TerritoryOfTests

MEMO = "a word that nobody must remember"


class Old(TerritoryOfTests):
    """A ledger with payments of long ago, one of them in bulk, and an auditor."""

    def __init__(self, url: str):
        super().__init__(url)
        self.forn, self.granja = self.members(2)
        self.keeper = self.register_auditor()
        self.paid = self.transfer(self.forn, self.granja, 120, memo=MEMO, ref="REF OF LONG AGO")
        self.one = self.accepted(self.paid)
        self.other = self.accepted(self.transfer(self.granja, self.forn, 20, memo="kept"))
        legs = [Leg(AccountId(self.granja), 5, ref="LEG OF LONG AGO"), Leg(AccountId(self.granja), 6)]
        self.bulk = self.accepted(self.transfer_many(self.forn, legs))
        self.moved = 0  # where a test has the baker move
        self.clock.now += RETENTION + 1

    def erase(self, *log_indexes: int) -> int:
        return self.accepted(self.erasure(self.keeper, *log_indexes))

    def checkpoint(self) -> bytes:
        head = self.door.head()
        assert head.root is not None
        return checkpoint.sign(self.operator, self.origin, head.size, head.root)

    def keep_checkpoint(self) -> None:
        """Store a checkpoint of the log as it stands."""
        head = self.door.head()
        assert head.root is not None
        self.door.submit([], [(head.size, head.root, self.checkpoint())])

    def receipt(self, log_index: int, reader: bytes) -> Any:
        return receipt_of(self.store, self.ledger_id, log_index, reader, self.checkpoint())

    def run(self, sql: str) -> None:
        with self.store.writes.begin() as connection:
            connection.execute(text(sql))
