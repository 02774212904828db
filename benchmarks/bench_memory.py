"""Memory of a process that writes: it grows neither with the entries nor with the accounts.

Each figure is the most that a process of its own ever held (benchmarks/growing.py), mapped pages of the file included:
SQLite's page cache (64 MB) and its map of the file (256 MB) are bounded, and fill as the file grows.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.growing import BATCH, WARM_UP
from benchmarks.rounds import Line, Report

BATCHES = 200


def test_memory(report: Report, tmp_path: Path) -> None:
    few, many = (held(tmp_path / str(accounts), accounts) for accounts in (2_000, 10_000))
    entries = f"{(WARM_UP + BATCHES) * BATCH:,} entries"
    warm = f"after {WARM_UP * BATCH:,}"
    report.add(Line("memory of a writing process", f"SQLite, {entries}", few[1], "MB", warm, few[0]))
    report.add(Line("memory of a writing process", "SQLite, 10,000 accounts", many[1], "MB", "2,000 accounts", few[1]))


def held(folder: Path, accounts: int) -> tuple[float, float]:
    """The two peaks of a process, in megabytes."""
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.growing", str(folder), str(accounts), str(BATCHES)]
    first, last = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return first, last
