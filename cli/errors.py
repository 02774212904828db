"""How a command ends badly: one clear line, and an exit code that a script can branch on.

1 refused, or found wrong; 2 misused (click's own); 3 could not: no database, an unreadable file, no answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from cli.output import printable
from ledger.ambient.settings import SettingsError
from ledger.audit.fault import Fault
from ledger.checking.files import WrongFile
from ledger.client.http import ServerError
from ledger.client.journal import JournalError
from ledger.client.outcomes import Unknown
from ledger.core.forms import BadForm
from ledger.exports.site import ExportRefused
from ledger.files.amounts import BadAmount
from ledger.files.payments import BadFile
from ledger.log.malformed import Malformed
from ledger.rebuild.recovering import NotAPrefix
from ledger.receipts.verifying import ReceiptError
from ledger.service.witnessed import PolicyError
from ledger.signer.keyfile import KeyFileError
from ledger.signer.signer import SignerRefused
from ledger.store.errors import StoreError, Unavailable
from ledger.witness.state import StateError


class Wrong(click.ClickException):
    """Refused, or found wrong."""

    exit_code = 1


class Misused(click.ClickException):
    """The command was given something that it cannot use."""

    exit_code = 2


class CouldNot(click.ClickException):
    """The command could not do its work."""

    exit_code = 3


WRONG = (Fault, ReceiptError, WrongFile, ExportRefused, NotAPrefix)
MISUSED = (SettingsError, BadFile, BadAmount, Malformed, BadForm)
COULD_NOT = (StoreError, Unavailable, Unknown, KeyFileError, SignerRefused, JournalError, StateError, PolicyError)


@contextmanager
def one_line() -> Iterator[None]:
    """Turn what the storeys below raise into the end of a command."""
    try:
        yield
    except WRONG as error:
        raise Wrong(_line(error)) from error
    except MISUSED as error:
        raise Misused(_line(error)) from error
    except COULD_NOT as error:
        raise CouldNot(_line(error)) from error
    except ServerError as error:
        raise (CouldNot if error.status == 0 or error.status >= 500 else Wrong)(_line(error)) from error
    except BrokenPipeError:  # whoever reads has had enough, which is no error of ours
        raise
    except OSError as error:
        raise CouldNot(f"{error.filename or 'the system'}: {error.strerror or error}") from error


def _line(error: Exception) -> str:
    """One line; a server's words may be anybody's."""
    return " ".join(printable(str(error)).split())
