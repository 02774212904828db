"""The audit's processes: none outlives the one that was started, however that ends."""

import os
import subprocess
import sys
import time

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
