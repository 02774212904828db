"""One of several processes that write to one ledger: `python -m tests.writing_process URL LEDGER_ID IN OUT GO TIME`.

IN holds batches of submissions, one JSON list of base64 a line; OUT gets for each batch the head's size after it and
each item's outcome. It waits for the file GO, so that all processes begin together.
"""

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

from ledger.core.machine import Repeat
from ledger.core.refusals import Refusal
from ledger.service.door import Accepted, Door
from ledger.store.database import Store


def spoken(outcome: Any) -> list[Any]:
    """An outcome as JSON: accepted or repeated with its log index, or the reason."""
    if isinstance(outcome, Accepted):
        return ["accepted", outcome.log_index]
    if isinstance(outcome, Repeat):
        return ["repeat", outcome.log_index]
    if isinstance(outcome, Refusal):
        return ["refused", outcome.reason]
    return ["defect", repr(outcome)]


def main(url: str, ledger_id: str, submissions: str, answers: str, go: str, now: str) -> None:
    store = Store.open(url)
    door = Door(store, int(ledger_id), lambda: float(now))
    batches = [json.loads(line) for line in Path(submissions).read_text(encoding="utf-8").splitlines()]
    prepared = [[door.verify(base64.b64decode(item)) for item in batch] for batch in batches]
    Path(f"{answers}.ready").touch()
    while not Path(go).exists():
        time.sleep(0.005)
    with Path(answers).open("w", encoding="utf-8") as out:
        for batch in prepared:
            outcomes, head = door.submit([item for item in batch if not isinstance(item, Refusal)])
            out.write(json.dumps([head.size, [spoken(outcome) for outcome in outcomes]]) + "\n")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
