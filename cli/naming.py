"""How a person names a key: its file, the public key itself, or the key ID that `comarca key list` shows."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cli.acting import parse_id
from cli.errors import Misused, Wrong
from cli.session import Session, Signing
from ledger.client.keyring import holder_of
from ledger.core.words import HolderId
from ledger.log import keys
from ledger.log.malformed import Malformed
from ledger.signer.keyfile import public_keys

KEY_ID = re.compile(r"[0-9a-f]{8}")


class NewKey(NamedTuple):
    """A key that a text makes live, and what signs with it: nothing where the public key alone is at hand."""

    public: bytes
    mine: Sequence[Signing]


def new_key(session: Session, text: str, holder: bytes) -> NewKey:
    """The key that a holder is to have. A file must be the holder's from birth, or its owner would look for it in
    vain; raises Misused."""
    path = Path(text)
    if not path.exists():
        return NewKey(_public(text, "a key file or a public key"), [])
    (signing,) = only_key(session, path)
    if signing.holder != holder:
        raise Misused(f"{path}: was made for holder {signing.holder.hex()}, not for {holder.hex()}; make one by: "
                      f"comarca key new FILE --holder {holder.hex()}")  # fmt: skip
    return NewKey(keys.public_of(signing.seed), [signing])


def further_key(session: Session, text: str, holder: bytes, mine: Sequence[Signing]) -> NewKey:
    """As `new_key`, beside those that sign; raises Misused where it is one of these."""
    key = new_key(session, text, holder)
    if key.public in {keys.public_of(one.seed) for one in mine}:
        raise Misused(f"{text}: this key signs already; make a new one by: "
                      f"comarca key new FILE --holder {holder.hex()}")  # fmt: skip
    return key


def standing_key(session: Session, text: str, holder: bytes, key_files: Sequence[Path]) -> bytes:
    """The public key that a holder has, by its file, itself or its ID, which is looked up as the holder of `key_files`.
    Raises Misused, Wrong."""
    path = Path(text)
    if path.exists():
        return _public_of_file(path, holder)
    if not KEY_ID.fullmatch(text):
        return _public(text, "a key file, a public key or a key ID")
    session.log_in(key_files)
    for key in session.holder(holder.hex())["keys"]:
        public = keys.decode(key["public"])
        if session.info.key_id(holder, public) == text:
            return public
    raise Wrong(f"holder {holder.hex()} has no key of the ID {text}; see: comarca key list {holder.hex()}")


def newcomer(session: Session, key_file: Path | None, holder: str | None, public_key: str | None,
             option: str) -> tuple[bytes, NewKey]:  # fmt: skip
    """Who comes to the ledger, and its key, which signs where it is at hand; `option` names the key file."""
    if key_file is not None and holder is None and public_key is None:
        (signing,) = only_key(session, key_file)
        return signing.holder, NewKey(keys.public_of(signing.seed), [signing])
    if key_file is None and holder is not None and public_key is not None:
        return parse_id(holder, "--holder"), NewKey(keys.decode(public_key), [])
    raise Misused(f"name the key file by {option}, or its --holder and --public-key")


def only_key(session: Session, path: Path) -> list[Signing]:
    """The one key in a file; raises Misused."""
    found = session.keys([path])
    if len(found) != 1:
        raise Misused(f"{path}: holds {len(found)} keys, where one belongs")
    return found


def one_holder(session: Session, key_files: Sequence[Path]) -> tuple[HolderId, list[Signing]]:
    """The holder whose keys are at hand, and these; raises Misused where they are of several."""
    found = session.keys(key_files)
    holders = {key.holder for key in found}
    if len(holders) != 1:
        raise Misused(f"keys of {len(holders)} holders are at hand: name those of one by --key")
    return found[0].holder, found


def _public_of_file(path: Path, holder: bytes) -> bytes:
    mine = [public for name, public in public_keys(path).items() if holder_of(name) == holder]
    if len(mine) != 1:
        raise Misused(f"{path}: holds {len(mine)} keys of holder {holder.hex()}, where one belongs")
    return mine[0]


def _public(text: str, what: str) -> bytes:
    try:
        return keys.decode(text)
    except Malformed as error:
        raise Misused(f"{text[:60]!r}: {what} belongs here, and there is no such file") from error
