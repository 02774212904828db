"""docs/client.md, run as it stands, in an empty folder."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "client.md").read_text()
SAID = (  # what the steps print, in this order
    "a log of 3 entries; amounts have 2 decimals", "paid as entry 3", "verified", "credit_exceeded short by",
    "Pay at most", "[7, 'credit_exceeded', 8]", "balance -5980 available", "8 100 -5980", "3 3430 -3430",
    "grants [(20000, True)]",
)  # fmt: skip


def blocks() -> list[tuple[str, str]]:
    """Language and text of each block, in order."""
    return re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def script(port: int) -> str:
    """The page as one script: its Python, whose variables live on from step to step, runs where it ends a run of
    blocks; a step that verifies a file stands between."""
    lines, python = ["set -e", "trap 'kill %1 2> /dev/null || true' EXIT"], ""
    for language, text in blocks():
        if language == "python":
            python += text
        elif python and "kill" not in text:
            python += f"import subprocess\nsubprocess.run([{'bash'!r}, '-ec', {text!r}], check=True)\n"
        else:
            if python:
                lines += ["cat > steps.py << 'END'", python + "END", "python -u steps.py"]
            lines.append(text)
            python = ""
    return "\n".join(lines).replace(":8080", f":{port}")


def test_the_page(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "COMARCA_PORT": str(port), "LC_ALL": "C.UTF-8"}
    run = subprocess.run(
        ["bash", "-c", script(port)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    place = 0
    for words in SAID:
        place = run.stdout.find(words, place)
        assert place >= 0, f"{words!r} is not said, or not in its place:\n{run.stdout}"
    assert (tmp_path / "memory.json").exists() and not list(tmp_path.glob("*.evidence-*"))


def test_ten_steps() -> None:
    assert re.findall(r"^## ([0-9]+)\. ", PAGE, re.MULTILINE) == [str(n) for n in range(1, 11)]


def test_every_answer_of_the_client_is_in_the_table() -> None:
    from ledger.client import member

    answers = {name for name in member.__all__ if name.endswith(("Error", "Proved", "Ledger", "Forked", "Shrunk"))}
    for name in answers - {"Ledger", "MemoryFileError"} | {"Receipt", "Refused", "Unknown"}:
        assert f"`{name}`" in PAGE.split("## What to branch on")[1], name
