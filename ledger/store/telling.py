"""What previews have told: that an account cannot receive, at most so many times a day for one holder and account.

Whoever could ask without end would find a stranger's exact room by halves. The places of a day are numbered and part
of the key, so that of several processes two never take the same. No part of the log: a day later it is forgotten.
"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ledger.store import schema
from ledger.store.database import Store

MOST = 5  # times a day, for one holder and account
DAY_S = 86_400


def wait_s(store: Store, ledger_id: int, holder: bytes, accounts: Iterable[bytes], now: int) -> int | None:
    """For how many seconds nothing more about one of these accounts may be told to this holder; None: go on."""
    table = schema.told
    mine = (table.c.ledger_id == ledger_id, table.c.holder == holder, table.c.time > now - DAY_S)
    times: dict[bytes, list[int]] = {}
    with store.read() as connection:
        for account, time in connection.execute(select(table.c.account, table.c.time).where(*mine)):
            times.setdefault(bytes(account), []).append(time)
    full = [min(times[account]) for account in accounts if len(times.get(account, ())) >= MOST]
    return max(full) + DAY_S - now if full else None


def tell(store: Store, ledger_id: int, holder: bytes, account: bytes, now: int) -> bool:
    """Take one of the day's places, or answer False where none is left. Raises Unavailable."""
    for _ in range(MOST + 1):
        try:
            return _take(store, ledger_id, holder, account, now)
        except IntegrityError:  # another process took the same place
            continue
    return False


def _take(store: Store, ledger_id: int, holder: bytes, account: bytes, now: int) -> bool:
    table = schema.told
    pair = {"ledger_id": ledger_id, "holder": holder, "account": account}
    with store.writing() as connection:
        forgotten = table.delete().where(table.c.ledger_id == ledger_id, table.c.time <= now - DAY_S)
        connection.execute(forgotten)
        where = (table.c[name] == value for name, value in pair.items())
        taken = set(connection.execute(select(table.c.n).where(*where)).scalars())
        free = [n for n in range(MOST) if n not in taken]
        if free:
            connection.execute(table.insert().values(**pair, n=free[0], time=now))
    return bool(free)
