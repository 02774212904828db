"""Shells complete the command: bash itself by its script; of the others, what their scripts ask, and the answers."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.house import House

HERE = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
WORDS = (
    ("comarca acc", ["account"]),
    ("comarca account li", ["limit", "limits"]),
    ("comarca movement list --ki", ["--kind"]),
    ("comarca movement list --kind tr", ["trade"]),
    ("comarca member list --status ", ["open", "suspended", "closed"]),
    ("comarca policy history re", ["retention"]),
    ("comarca log size --ledger so", ["solana"]),
    ("comarca --ledger lu", []),
    ("comarca completion ", ["bash", "fish", "zsh"]),
)


def bash(script: str, **environment: str) -> list[str]:
    run = subprocess.run(["bash", "-c", script], env=HERE | environment, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    return run.stdout.split("\n")[:-1]


def pressed(line: str) -> str:
    """What bash does when the tab key is pressed at the end of a line."""
    words = [shlex.quote(word) for word in line.split(" ")]
    return (f"COMPREPLY=() COMP_WORDS=({' '.join(words)}) COMP_CWORD={len(words) - 1}; _comarca_completion comarca; "
            'echo "${COMPREPLY[*]}"\n')  # fmt: skip


def test_bash_completes_with_its_script(house: House) -> None:
    """As a person has it who loads the script."""
    said = bash("source <(comarca completion bash)\n" + "".join(pressed(line) for line, _ in WORDS))
    assert said == [" ".join(expected) for _, expected in WORDS]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_ask_the_program(house: House, shell: str) -> None:
    script = "\n".join(bash(f"comarca completion {shell}"))
    assert f"_COMARCA_COMPLETE={shell}_complete" in script and "comarca" in script
    asked = {"COMP_WORDS": "comarca policy history li", "COMP_CWORD": "3" if shell == "zsh" else "li"}
    said = bash("comarca", _COMARCA_COMPLETE=f"{shell}_complete", **asked)
    assert "limits" in " ".join(said)


def test_without_a_database_there_are_no_ledgers_and_no_error(empty: House) -> None:
    asked = {"COMP_WORDS": "comarca log size --ledger ", "COMP_CWORD": "4", "_COMARCA_COMPLETE": "bash_complete"}
    assert bash("comarca", **asked) == [""]
    assert bash("comarca", COMARCA_URL="postgresql://nobody@127.0.0.1:1/none", **asked) == [""]


def test_an_unknown_shell(empty: House) -> None:
    assert "is not one of" in empty.bad(2, "completion", "csh")
