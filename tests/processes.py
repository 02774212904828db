"""The processes of a server under test, as the kernel tells them apart."""

import os
import signal
from pathlib import Path


def children(parent: int) -> list[int]:
    """The processes that a server has started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def writes(pid: int) -> bool:
    """Whether it is the one that writes, which alone ignores SIGTERM: it is told to end by its parent."""
    (ignored,) = [line for line in Path(f"/proc/{pid}/status").read_text().split("\n") if line.startswith("SigIgn:")]
    return bool(int(ignored.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def is_connected(pid: int, port: int) -> bool:
    """Whether a process has an open connection to a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().split("\n")[1:-1]]
    inodes = {row[9] for row in rows if row[3] == "01" and int(row[2].split(":")[1], 16) == port}
    try:
        files = {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # it has ended
        return False
    return any(f"socket:[{inode}]" in files for inode in inodes)
