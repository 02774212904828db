"""A payroll: a CSV of wages becomes one signed instruction, all paid or none; each payee is shown its own wage alone.

    python examples/payroll.py --server http://127.0.0.1:8080 --origin ledger.example/solana --identity ... \\
        --key bakery.key --password-file password --folder payroll --run 2026-05 wages.csv

    payee,amount
    01a1c9...,1200.00

Run it again as often as you like: what was signed is kept in the folder and goes again as the same text, and each wage
carries the word `RUN/PAYEE`, which the ledger takes once from this account, for ever.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from opening import ended, flags, open_member

from ledger.client.member import Member, Payment, Refused
from ledger.core.machine import LEGS
from ledger.files.amounts import BadAmount, decimal_text, minor_units
from ledger.log import instruction, salted
from ledger.signer.keyfile import create_file


class BadWages(Exception):
    """The file cannot be paid as it is; the message names the row."""


def read_wages(path: Path, run: str, scale: int) -> Iterator[Payment]:
    """The wages in a file."""
    seen = set()
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            try:
                payee, amount = row["payee"], minor_units(row["amount"], scale)
            except KeyError as error:
                raise BadWages(f"row {number}: there is no column {error}; the first line is payee,amount") from error
            except (TypeError, BadAmount) as error:
                raise BadWages(f"row {number}: {error}") from error
            if payee in seen:
                raise BadWages(f"row {number}: {payee} stands twice in one run")
            seen.add(payee)
            yield Payment(payee, amount, once=f"{run}/{payee}", purpose="SALA")


def check_same(submission: bytes, wages: list[Payment]) -> None:
    """Raise BadWages where the run was signed for other wages before."""
    lines = [salted.split(line)[1] for line in instruction.parse(submission).salted]
    legs = [LEGS["transfer_many"].read(line)[0] for line in lines]
    if [(leg.payee.hex(), leg.amount) for leg in legs] != [(wage.payee, wage.amount) for wage in wages]:
        raise BadWages("this run was signed before, for other wages; give the rest a run of its own")


def pay(member: Member, wages: list[Payment], kept: Path) -> None:
    """Send the run: as it was signed before, or signed and kept now. Raises Refused, Unknown, LogBroken."""
    if not kept.exists():
        create_file(kept, member.write_many(wages))
    check_same(kept.read_bytes(), wages)
    receipt = member.send(kept.read_bytes())
    receipt.save(kept.with_suffix(".json"))
    unit = member.unit
    for place, leg in receipt.shown.legs:
        print(f"{place + 1}: {decimal_text(leg.amount, unit.scale)} {unit.code} to {leg.payee.hex()}")
    print(f"paid: entry {receipt.log_index}, receipt {kept.with_suffix('.json')}")


def pay_file(member: Member, file: Path, run: str, kept: Path) -> int:
    """Pay a run; 0 where it is paid, 1 where it is refused, 2 where the file is wrong."""
    try:
        pay(member, list(read_wages(file, run, member.unit.scale)), kept)
        return 0
    except (BadWages, ValueError) as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 2
    except Refused as refused:
        kept.unlink()  # nothing was written; mended, the run is signed anew, under the same words
        print(f"refused, {refused.reason}: {refused.message} {refused.remedy} {dict(refused.details)}", file=sys.stderr)
        return 1


def main() -> int:
    """Pay the run that the flags name; the exit code."""
    parser = flags("Pay wages under one signature.")
    parser.add_argument("--run", required=True, help="the run's name, such as 2026-05")
    parser.add_argument("wages", type=Path, help="a CSV file with the columns payee and amount")
    given = parser.parse_args()
    with open_member(given) as member:
        return pay_file(member, given.wages, given.run, given.folder / f"{given.run}.signed")


if __name__ == "__main__":
    sys.exit(ended(main))
