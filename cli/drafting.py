"""`comarca draft`: the text of any kind of instruction, for those who must sign it."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click

from cli.acting import GATHER_S, HAND_ON_S, hand_on, parse_id
from cli.errors import Misused
from cli.options import FILE, Command, pass_session, with_options
from cli.output import printable, say
from cli.session import Session
from ledger.client.gathering import Gathering
from ledger.core.machine import DAY, FORMS
from ledger.core.words import IDS, JSON
from ledger.service.preparing import PREPARED, Around, Ask, prepare, window
from ledger.service.wording import Terms, Unit


@click.command(cls=Command)
@click.argument("kind", type=click.Choice(PREPARED), metavar="KIND")
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--out", type=FILE, help="A new file for the text.")
@with_options()
@pass_session
def draft(session: Session, kind: str, fields: tuple[str, ...], out: Path | None) -> None:
    """Write the text of an instruction of any KIND (docs/kinds.md), signed by nobody yet, and say what it will do.

    Ids, keys, words and free texts are typed as they are; numbers, lists and objects as JSON, amounts in minor units;
    @FILE stands for what is in FILE. What is left out is absent. A new holder's or member's id goes into the field id;
    else one is drawn. Then: comarca sign, comarca submit.

    \b
    Example: comarca draft suspend account=0192f3a87c0b7e1a9d2c4b5a69788796 was=12 reason="key reported stolen"
             comarca draft set_policy feature=retention body=63072000 --out retention.note
    """
    info = session.info
    given = dict(_field(kind, text) for text in fields)
    id = parse_id(given.pop("id"), "id") if "id" in given else None
    valid_s = HAND_ON_S if window(kind) == DAY else GATHER_S
    around = Around(info.origin, Terms(Unit(info.unit, info.scale), info.authority), info.anchor.anchor, session.now)
    made = prepare(Ask(kind, given, valid_s, id), around)
    for sentence in made.words:
        say(printable(sentence))
    hand_on(session, out, Gathering(made.text, (), made.salted))


def _field(kind: str, text: str) -> tuple[str, Any]:
    """A field's name and plain value; raises Misused."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Misused(f"{text[:60]!r}: a field is FIELD=VALUE")
    if value.startswith("@"):
        value = Path(value[1:]).read_text(encoding="utf-8").removesuffix("\n")
    hints = {field.name: field.hint for field in FORMS[kind].fields} | {"id": IDS[0]}
    if name not in hints:
        raise Misused(f"{name[:60]!r}: no field of {kind}; there are {', '.join(sorted(hints))}")
    if _is_text(hints[name]):
        return name, value
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Misused(f"{name}: not JSON: {error}") from error


def _is_text(hint: Any) -> bool:
    """Whether a field's plain value is a JSON string, so that it can be typed without its quotes."""
    if hint in IDS or get_origin(hint) is Literal:
        return True
    base, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return base in (str, bytes) and JSON not in marks
