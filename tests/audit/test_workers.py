"""The audit's processes: none outlives the one that was started, however that ends."""

import os
import pickle
import subprocess
import sys
import time

from ledger.audit.evidence import Evidence, examine_all
from tests.lived import Lived
from tests.tables import entries

HOLD = """
import os, time
from ledger.audit.ahead import workers

if __name__ == "__main__":
    with workers(2, 10**6) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(20)}, flush=True)
        time.sleep(60)
"""
PATIENCE_S = 20


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_evidence_goes_from_process_to_process_as_it_is(lived: Lived) -> None:
    """Each kind of instruction that a ledger can have, and an entry that was erased."""
    with lived.store.read() as connection:
        keys = list(connection.exec_driver_sql('SELECT "holder", "public" FROM "key" WHERE "holder" IS NOT NULL'))
    publics = {holder: [public for other, public in keys if other == holder] for holder, _ in keys}
    rows = [row for row in entries(lived.store, lived.ledger_id) if row.note is not None]
    found = examine_all(rows, lived.origin, publics, {}).evidence
    assert len(found) == len(rows)
    for one in [*found, Evidence(None, None)]:
        other = pickle.loads(pickle.dumps(one))
        assert other == one and said(other) == said(one)


def said(evidence: Evidence) -> list[str]:
    """Every value with the names of its fields, which equality does not ask for; a set has no order."""
    signers = evidence.instruction.signers if evidence.instruction else ()
    instruction = evidence.instruction and evidence.instruction._replace(signers=frozenset())
    return [repr(instruction), repr(evidence.anchor), *sorted(map(repr, signers))]


def test_workers_end_with_a_killed_audit() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path) or os.getcwd()}
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert workers
    process.kill()
    process.communicate(timeout=PATIENCE_S)  # the pipe ends only once nobody holds it any more
    deadline = time.monotonic() + PATIENCE_S
    while any(map(is_there, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_there, workers))
