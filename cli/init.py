"""`comarca init`: found a ledger in two steps, or a pilot in one."""

from pathlib import Path
from typing import Any

import click

from cli.acting import keep, refusal_line
from cli.errors import Misused, Wrong
from cli.founding import (
    Pilot,
    describe_options,
    draft_genesis,
    genesis_of,
    log_genesis,
    read_description,
    refusal_of_draft,
)
from cli.options import FILE, READABLE, WRITES, Command, pass_session, with_options
from cli.output import say, write_facts, write_json
from cli.parts import lacking
from cli.session import Session
from ledger.client.gathering import parse
from ledger.client.outcomes import Outcome
from ledger.log import base64s

PILOT: dict[str, Any] = {
    "losses_cap": 1_000_000,
    "origin": "localhost/pilot",
    "policies": {"limits": {"commercial": [-500_000, 2_000_000], "personal": [-10_000, 100_000]}},
    "territory": {"name": "Pilot", "places": []},
    "unit": {"code": "PILOT", "name": "pilot", "scale": 2},
}


@click.command(cls=Command)
@click.argument("file", type=FILE, required=False)
@click.option("--draft", "is_draft", is_flag=True, help="Write the genesis to FILE, for its signers to sign.")
@click.option("--pilot", is_flag=True, help="Make every key here and log the genesis at once, for trying out.")
@click.option("--from", "description", type=READABLE, help="Description of the genesis (TOML, or JSON by its name).")
@click.option("--origin", help="The ledger's origin, host/name; for ever.")
@click.option("--administrator", type=FILE, multiple=True, help="Key file of an administrator; several times.")
@click.option("--quorum", type=click.IntRange(1, 7), help="How many administrators authorise anything.")
@click.option("--unit", metavar="CODE", help="Code of the unit, such as SOL.")
@click.option("--unit-name", help="Name of the unit.")
@click.option("--scale", type=click.IntRange(0, 6), help="Decimals of the unit.")
@click.option("--territory", metavar="NAME", help="Name of the territory.")
@click.option("--place", multiple=True, help="Country/LAU code of a place in the territory; several times.")
@with_options(WRITES)
@pass_session
def init(session: Session, file: Path | None, is_draft: bool, pilot: bool, description: Path | None,
         administrator: tuple[Path, ...], **options: Any) -> None:  # fmt: skip
    """Found a ledger.

    In two steps: --draft writes the genesis to FILE; every administrator and the clerk sign it (comarca sign FILE --key
    KEYFILE); then `comarca init FILE` logs it, with the operator's key at hand. A description has the fields of a
    genesis (examples/territory.toml, docs/kinds.md); clerk and operator may be left out where their key files stand
    where the settings say.

    \b
    Example: comarca init genesis.note --draft --from territory.toml --administrator a.key --administrator b.key
             comarca sign genesis.note --key a.key --key b.key --key clerk.key
             comarca init genesis.note
    For trying out: comarca init --pilot
    """
    if pilot and (is_draft or file):
        raise Misused("--pilot makes everything by itself: leave --draft and FILE out")
    described = _described(options, read_description(description) if description else {})
    if pilot:
        _show(session, Pilot(session).found(PILOT | described))
        return
    if file is None:
        raise Misused("name the FILE of the genesis, or --pilot")
    if is_draft:
        settings = session.settings
        more = describe_options(described, administrator, settings.clerk_key, settings.operator_key)
        _draft(session, file, more)
        return
    gathering = parse(file.read_bytes())
    if missing := lacking(None, gathering):
        raise Wrong(f"{file}: still to sign: {'; '.join(missing)}. Each signs with: comarca sign {file} --key FILE")
    _show(session, log_genesis(session, gathering))


def _described(options: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """A description with what options say in place of what it has."""
    described = dict(description)
    if options["origin"]:
        described["origin"] = options["origin"]
    if options["quorum"]:
        described["authority"] = {"any": ["administrators", options["quorum"]]}
    unit = {"code": options["unit"], "name": options["unit_name"], "scale": options["scale"]}
    for name, part in (("unit", unit), ("territory", {"name": options["territory"],
                                                      "places": list(options["place"]) or None})):  # fmt: skip
        given = {field: value for field, value in part.items() if value is not None}
        if given:
            described[name] = {**(described.get(name) or PILOT[name]), **given}
    return described


def _draft(session: Session, file: Path, description: dict[str, Any]) -> None:
    form = genesis_of(description)
    gathering = draft_genesis(form, session.now)
    if refused := refusal_of_draft(form, gathering, session.now):
        raise Wrong(refusal_line(refused))
    keep(file, gathering)
    missing = lacking(None, gathering)
    if session.as_json:
        write_json({"file": str(file), "origin": gathering.origin, "missing": missing})
    else:
        write_facts([("file", file), ("origin", gathering.origin), ("to sign", "; ".join(missing))])
    say(f"Each signs with: comarca sign {file} --key FILE; then: comarca init {file}")


def _show(session: Session, outcome: Outcome) -> None:
    if session.as_json:
        write_json(outcome.plain)
    if outcome.log_index is None:
        raise Wrong(refusal_line(outcome))
    info = session.look()
    identity = base64s.encode(info.identity)
    if not session.as_json:
        said = "founded before" if outcome.repeat else "founded"
        write_facts([("origin", info.origin), ("identity", identity), ("outcome", said)])
    say("Print origin and identity in the statutes: with them alone every receipt can be verified.")
