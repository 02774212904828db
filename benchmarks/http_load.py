"""Clients for the benchmarks: raw sockets that are kept open, so that what is measured is the server.

Each of them sends its next request when it has the answer to the last; what comes back is the time of each.
"""

import socket
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlsplit


def request(path: str, octets: bytes, media_type: str = "text/plain", method: str = "POST", token: str = "") -> bytes:
    """The octets of one HTTP request."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    content = f"Content-Type: {media_type}\r\nContent-Length: {len(octets)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{content}\r\n".encode() + octets


class Client:
    """One connection."""

    def __init__(self, address: str):
        parts = urlsplit(address)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, octets: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one request."""
        self._socket.sendall(octets)
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self._rest[:end]
        start = head.lower().index(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0])
        while len(self._rest) < end + 4 + length:
            self._more()
        body = self._rest[end + 4 : end + 4 + length]
        self._rest = self._rest[end + 4 + length :]
        return int(head[9:12]), body

    def _more(self) -> None:
        fresh = self._socket.recv(1 << 18)
        if not fresh:
            raise ConnectionError("the server has closed the connection")
        self._rest += fresh

    def close(self) -> None:
        self._socket.close()


def load(address: str, queues: Sequence[Sequence[bytes]], expected: int) -> tuple[float, list[float]]:
    """Send each queue over a connection of its own, all at once; the seconds it took, and those of each answer."""
    clients = [Client(address) for _ in queues]
    times: list[list[float]] = [[] for _ in queues]
    failed: list[str] = []
    ready = threading.Barrier(len(queues) + 1)

    def run(client: Client, queue: Sequence[bytes], own: list[float]) -> None:
        ready.wait()
        for octets in queue:
            began = time.perf_counter()
            status, body = client.ask(octets)
            own.append(time.perf_counter() - began)
            if status != expected:
                failed.append(f"{status} {body[:200]!r}")
                return

    threads = [threading.Thread(target=run, args=part) for part in zip(clients, queues, times, strict=True)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    for client in clients:
        client.close()
    assert not failed, failed[0]
    return seconds, [one for own in times for one in own]
