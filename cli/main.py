"""The command's table of contents."""

import click

from cli import histories
from cli.accounts import account
from cli.auditing import audit, rebuild
from cli.completing import completion
from cli.configuring import config
from cli.demo import demo
from cli.doctor import doctor
from cli.drafting import draft
from cli.exporting import check_log, export
from cli.grants import grant
from cli.holders import holder
from cli.importing import import_
from cli.init import init
from cli.keyrings import COMMANDS as OF_KEYRINGS
from cli.keys import key
from cli.logs import log
from cli.members import member
from cli.movements import movement
from cli.offices import administrators, clerk, operator
from cli.options import Group, with_options
from cli.papers import sign, submit
from cli.paying import cancel, pay
from cli.personal import erase, export_member, profile, text
from cli.policies import policy
from cli.previewing import preview
from cli.recoveries import recovery
from cli.recovering import recover
from cli.serving import serve
from cli.signer import signer
from cli.verifying import verify
from cli.witnessing import witness

COMMANDS = (init, serve, signer, demo, key, holder, member, account, movement, policy, pay, cancel, grant, recovery,
            administrators, operator, clerk, profile, text, erase, draft, preview, sign, submit, import_, log, verify,
            audit, rebuild, doctor, config, completion, witness)  # fmt: skip


@click.group(cls=Group)
@click.version_option(package_name="comarca", prog_name="comarca")
@with_options()
def main() -> None:
    """A ledger for local currencies and mutual credit: signed, append-only, provable.

    Settings come from defaults, comarca.toml, COMARCA_... in the environment, and options, in rising order; `comarca
    config` shows them. Exit codes: 0 done, 1 refused or found wrong, 2 misused, 3 could not.
    """


for command in COMMANDS:
    main.add_command(command)
for command in (export, check_log, recover):
    log.add_command(command)
for command in OF_KEYRINGS:
    key.add_command(command)
member.add_command(export_member)
for command in (histories.limits, histories.status):
    account.add_command(command)
member.add_command(histories.facts)
policy.add_command(histories.policies)
