"""The README's tour, run as it stands, in an empty folder; its links, and the documents' links, lead somewhere."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXPECTED = (  # what the tour's commands say, in this order
    "ledger.example/solana", "limits", "Bakery", "Farm", "accepted", "-34.30", "4,965.70", "34.30",
    "verified", "flour of May", "passed", '"ok"', "9,035.30", '"log_size"', "— ledger.example/solana ",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_tour(tmp_path: Path) -> None:
    port = free_port()
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    script = "set -e\n" + "\n".join(blocks).replace(":8080", f":{port}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "COMARCA_PORT": str(port), "LC_ALL": "C.UTF-8"}
    run = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "refused, credit_exceeded" in run.stderr
    place = 0
    for words in EXPECTED:
        place = run.stdout.find(words, place)
        assert place >= 0, f"{words!r} is not said, or not in its place:\n{run.stdout}"


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        words = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", words):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_make_target_of_the_readme_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets
