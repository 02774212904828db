"""An auditor's cosignature: what was audited goes on from what the same key has signed before, or is not signed."""

import time
from pathlib import Path

from cli.direct import Direct
from cli.errors import CouldNot, Misused, Wrong
from cli.keys import OPERATOR
from cli.session import Session
from ledger.audit.auditing import Passed
from ledger.client.keyring import holder_of
from ledger.log import consistency, keys
from ledger.log.policy import Log
from ledger.signer.keyfile import read_key
from ledger.store import queries
from ledger.witness.state import State
from ledger.witness.witness import Witness


class Auditor:
    """An auditor's key and its state, opened before an audit begins: it may take hours."""

    def __init__(self, session: Session, key_file: Path):
        self._name, self._seed = read_key(key_file, session.password(key_file))
        if holder_of(self._name) is not None or self._name == OPERATOR:
            raise Misused(f"{key_file}: a holder's key, or the operator's, signs no audits; make one of the "
                          "auditor's own by `comarca key new FILE --witness auditor.example/NAME`")  # fmt: skip
        vkey = keys.vkey(self._name, keys.public_of(self._seed), keys.COSIGNER)
        self._state = State(key_file.with_suffix(".state"), vkey)

    def cosign(self, database: Direct, passed: Passed) -> str:
        """The cosignature of an audited checkpoint, as a line; raises Wrong where the log does not go on from
        what this key has cosigned before, CouldNot where no checkpoint is signed."""
        if not passed.signed:
            raise CouldNot("the audit passed, and there is no signed checkpoint to cosign yet")
        logs = [Log(*keys.parse_vkey(key), "") for key in database.describe().verifier_keys]
        before = self._state.latest(database.head.origin).size
        path = queries.consistency(database.store, database.ledger_id, before, passed.signed) \
            if 0 < before <= passed.signed else []  # fmt: skip
        witness = Witness(self._name, self._seed, logs, self._state, time.time)
        answer = witness.add_checkpoint(consistency.format(min(before, passed.signed), path, passed.checkpoint))
        if answer.status != 200:
            raise Wrong(f"the audit passed, and yet this is not the log of which {self._name} has cosigned the first "
                        f"{before} entries: keep both, and say so ({answer.text.strip()})")  # fmt: skip
        return answer.text.strip()
