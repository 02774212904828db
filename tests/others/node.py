"""The verifier in Node (examples/verify), run over many receipts in one process."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

VERIFY = Path(__file__).parent.parent.parent / "examples" / "verify" / "verify.mjs"


def node() -> str:
    """The command; skips the test where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no node on this machine; examples/verify is for Node 20 or later")
    return found


def judge(receipts: list[bytes], origin: str, identity: bytes) -> list[str]:
    """What Node's verifier says of each: `verified`, or `wrong` and why."""
    given = "".join(base64.b64encode(octets).decode() + "\n" for octets in receipts)
    command = [node(), str(VERIFY), origin, base64.b64encode(identity).decode(), "--many"]
    run = subprocess.run(command, input=given, capture_output=True, text=True, timeout=300)
    assert run.returncode in (0, 1) and run.stderr == "", run.stderr
    answers = run.stdout.splitlines()
    assert len(answers) == len(receipts)
    return answers
