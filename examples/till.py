"""A till that pays: amounts as arguments, or one a line from its input; a receipt or the reason for each.

    python examples/till.py --server http://127.0.0.1:8080 --origin ledger.example/solana --identity ... \\
        --key bakery.key --password-file password --folder till --payee 01a1... 34.30 12.00

A line of the input is an amount, and after a space what it is for. A payment is written to the folder before it is
sent, and goes when its receipt is there: whatever ends this program, it settles at its next start what was open.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from opening import ended, flags, open_member

from ledger.client.member import Member, Payment, Refused, Unknown
from ledger.client.outcomes import id_of
from ledger.files.amounts import BadAmount, decimal_text, minor_units
from ledger.signer.keyfile import replace_file


class Till:
    """Pays one payee from one account, and keeps what is open and what is done in a folder."""

    def __init__(self, member: Member, payee: str, folder: Path):
        self.member, self.payee, self.folder = member, payee, folder
        self.unit = member.unit
        self.failed = False

    def settle(self) -> None:
        """Send again what was open when the till last ended."""
        for path in sorted(self.folder.glob("*.open")):
            print(f"open since last time: {path.stem}")
            self._send(path)

    def pay(self, written: str, memo: str) -> None:
        """Pay one amount as people write it."""
        try:
            amount = minor_units(written, self.unit.scale)
            octets = self.member.write_payment(Payment(self.payee, amount, memo or None))
        except (BadAmount, ValueError) as error:
            self._say(f"not paid: {error}")
            return
        path = self.folder / f"{id_of(octets)}.open"
        replace_file(path, octets)
        self._send(path)

    def _send(self, path: Path) -> None:
        try:
            receipt = self.member.send(path.read_bytes())
        except Refused as refused:
            path.unlink()
            self._say(f"refused, {refused.reason}: {refused.message} {refused.remedy} {self._figures(refused)}")
        except Unknown as error:
            self._say(f"unknown, and kept for the next start: {error}")
        else:
            receipt.save(path.with_suffix(".json"))
            path.unlink()
            asked = receipt.shown.asked
            print(f"paid {self._units(asked.amount)} to {asked.payee.hex()}: entry {receipt.log_index}, "
                  f"receipt {path.with_suffix('.json')}")  # fmt: skip

    def _say(self, words: str) -> None:
        print(words, file=sys.stderr)
        self.failed = True

    def _units(self, amount: int) -> str:
        return f"{decimal_text(amount, self.unit.scale)} {self.unit.code}"

    def _figures(self, refused: Refused) -> str:
        shown = ("available", "short_by")
        figures = [f"{name} {self._units(refused.details[name])}" for name in shown if name in refused.details]
        return f"({', '.join(figures)})" if figures else ""


def wanted(amounts: list[str]) -> Iterator[tuple[str, str]]:
    """Amounts and what they are for: the arguments, or else the lines of the input."""
    for line in amounts or sys.stdin:
        if line.strip():
            amount, _, memo = line.strip().partition(" ")
            yield amount, memo.strip()


def main() -> int:
    """Pay; 0 where all is paid, 1 where something is not."""
    parser = flags("A till that pays.")
    parser.add_argument("--payee", required=True, help="the account to pay")
    parser.add_argument("amounts", nargs="*", metavar="AMOUNT", help="in units, such as 34.30")
    given = parser.parse_args()
    with open_member(given) as member:
        till = Till(member, given.payee, given.folder)
        till.settle()
        for amount, memo in wanted(given.amounts):
            till.pay(amount, memo)
        position = member.position()
        print(f"available: {till._units(position.available)}")
        return int(till.failed)


if __name__ == "__main__":
    sys.exit(ended(main))
