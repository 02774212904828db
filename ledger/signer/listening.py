"""The signer as a process of its own: it answers at a Unix socket that its own user alone can open (docs/signer.md).

It believes nobody. Whoever asks gets a few seconds and a few kilobytes; whoever falls silent or hangs up is forgotten,
and holds up no one else, as the state is locked only while nobody is waited for. What may be signed is the Signer's to
say, and is the same for the server as for whoever else can open the socket.
"""

import logging
import os
import selectors
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from ledger.log.malformed import Malformed
from ledger.signer import talk
from ledger.signer.keyfile import alone_in
from ledger.signer.signer import Signer, SignerRefused
from ledger.signer.talk import Cut, Status, Talk

TALKS_MOST = 32  # conversations at once; whoever comes beyond is told so
BACKLOG = 64

logger = logging.getLogger(__name__)


def serve(signer: Signer, path: Path, announce: Callable[[], None]) -> None:
    """Answer at `path` until SIGTERM or SIGINT; `announce` is called once it can be asked. What is being signed then is
    still answered. Raises SignerRefused where the socket cannot be had; call it in the main thread."""
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(path))
        bell = stack.enter_context(_bell())
        open_talks = stack.enter_context(_Talks(signer))
        selector = stack.enter_context(selectors.DefaultSelector())
        for one in (listener, bell):
            selector.register(one, selectors.EVENT_READ)
        announce()
        while bell not in [key.fileobj for key, _ in selector.select()]:
            open_talks.begin(listener.accept()[0])


class _Talks:
    """The conversations that are open, each in a thread. On leaving, who is silent is not waited for."""

    def __init__(self, signer: Signer):
        self._signer, self._open = signer, set[socket.socket]()
        self._pool = ThreadPoolExecutor(TALKS_MOST)

    def begin(self, wire: socket.socket) -> None:
        """Answer whoever has connected."""
        if len(self._open) < TALKS_MOST:
            self._open.add(wire)
            self._pool.submit(self._run, wire)
            return
        with wire:
            _last(Talk(wire, 0.1), talk.FAILED, "too many ask at once")

    def _run(self, wire: socket.socket) -> None:
        try:
            with wire:
                answer(Talk(wire, talk.WITHIN_S), self._signer)
        except Exception:
            logger.exception("a conversation failed")
        finally:
            self._open.discard(wire)

    def __enter__(self) -> "_Talks":
        return self

    def __exit__(self, *_: object) -> None:
        for wire in list(self._open):
            try:
                wire.shutdown(socket.SHUT_RD)  # it is heard no more; what is being signed can still be said
            except OSError:
                continue
        self._pool.shutdown()


def answer(conversation: Talk, signer: Signer) -> None:
    """Hold one conversation to its end; whatever the asker does, it ends."""
    try:
        first, rest = conversation.hear()
        if first == talk.STATUS:
            _answer_status(conversation, signer, talk.parse_line(rest))
        elif first == talk.SIGN:
            _answer_sign(conversation, signer, talk.parse_request(rest))
        else:
            raise Malformed(f"it begins with {first[:40]!r}, which is no question")
    except Cut as error:
        logger.info("an asker is gone: %s", error)
    except Malformed as error:
        logger.warning("not understood: %s", error)
        _last(conversation, talk.REFUSED, f"not understood: {error}")
    except SignerRefused as error:
        logger.error("refused: %s", error)
        _last(conversation, talk.REFUSED, str(error))
    except OSError as error:
        logger.error("could not: %s", error)
        _last(conversation, talk.FAILED, str(error))


def _answer_status(conversation: Talk, signer: Signer, origin: str) -> None:
    _check_origin(signer, origin)
    conversation.say(talk.STANDS, talk.format_status(Status(signer.keys, signer.latest())))


def _answer_sign(conversation: Talk, signer: Signer, request: talk.Request) -> None:
    def consistency(old: int, new: int) -> list[bytes]:
        conversation.say(talk.PROVE, talk.format_size(old))
        first, rest = conversation.hear()
        if first != talk.PROOF:
            raise Malformed(f"{first[:40]!r}, where a proof belongs")
        return talk.parse_proof(rest)

    _check_origin(signer, request.origin)
    note = signer.sign(request.size, request.root, request.by, consistency)
    conversation.say(talk.SIGNED, note)


def _check_origin(signer: Signer, origin: str) -> None:
    if origin != signer.origin:
        raise SignerRefused(f"this is the signer of {signer.origin}, not of {origin[:100]}")


def _last(conversation: Talk, first: str, words: str) -> None:
    """Say why not, if somebody is still there to hear it."""
    try:
        conversation.say(first, talk.format_line(words))
    except Cut as error:
        logger.info("an asker is gone: %s", error)


# --- the socket and the bell


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A listening socket of mode 0600 in the place of none or of a stale one, which goes in the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            with alone_in(path.parent):
                _make_way(path)
                before = os.umask(0o177)
                try:
                    listener.bind(str(path))
                finally:
                    os.umask(before)
                own = path.lstat().st_ino
            listener.listen(BACKLOG)
        except OSError as error:
            raise SignerRefused(f"{path}: cannot listen there: {error.strerror or error}") from error
        try:
            yield listener
        finally:
            with alone_in(path.parent):
                if path.exists() and path.lstat().st_ino == own:
                    path.unlink()


def _make_way(path: Path) -> None:
    """Remove the socket of a signer that was killed; raises SignerRefused for anything else."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise SignerRefused(f"{path}: is there already, and is no socket; name another place by --listen")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        try:
            tried.settimeout(1)
            tried.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError:
            pass  # a full backlog, say: somebody is there
    raise SignerRefused(f"{path}: a signer listens there already; stop it first, or name another place by --listen")


@contextmanager
def _bell() -> Iterator[socket.socket]:
    """Readable once SIGTERM or SIGINT has come."""
    bell, clapper = socket.socketpair()

    def ring(number: int, frame: FrameType | None) -> None:
        clapper.send(b"!")

    before = {number: signal.signal(number, ring) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with bell, clapper:
            yield bell
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
