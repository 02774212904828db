"""`comarca signer` as a process of its own, and who asks it: honest, hostile, slow and vanished."""

import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.log import checkpoint, keys
from ledger.signer import talk
from ledger.signer.listening import TALKS_MOST
from ledger.signer.remote import RemoteSigner, SignerAway
from ledger.signer.signer import Signer, SignerRefused
from ledger.signer.talk import Request, Talk
from tests.signer.logs import ORIGIN, OTHER_SEED, SEED, Leaves
from tests.signer.process import SignerProcess

PUBLIC = keys.public_of(SEED)
LEAVES = Leaves(400)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[SignerProcess]:
    with SignerProcess(tmp_path) as process:
        yield process


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignerProcess]:
    """One that many ask; five entries are signed."""
    with SignerProcess(tmp_path_factory.mktemp("shared")) as process:
        sign(process.remote(), 5)
        yield process


def sign(signer: RemoteSigner, size: int, leaves: Leaves = LEAVES) -> bytes:
    return signer.sign(size, leaves.root(size), [PUBLIC], leaves.proof)


def size_of(note: bytes | None) -> int:
    return 0 if note is None else checkpoint.verify(note, ORIGIN, PUBLIC).size


def connected(process: SignerProcess) -> socket.socket:
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    wire.settimeout(20)
    wire.connect(str(process.socket))
    return wire


def ended(wire: socket.socket) -> bool:
    """Whether it hung up (an RST where it did not hear all)."""
    try:
        return wire.recv(1) == b""
    except ConnectionResetError:
        return True


# --- an honest asker


def test_it_signs_as_a_signer_here_would(running: SignerProcess) -> None:
    leaves, remote = Leaves(40), running.remote()
    assert (remote.keys, remote.latest()) == ((PUBLIC,), None)
    for size in (3, 4, 9, 40):
        assert size_of(sign(remote, size, leaves)) == size
    assert leaves.asked == [(3, 4), (4, 9), (9, 40)]
    assert sign(remote, 7) == remote.latest() == Signer([SEED], ORIGIN, running.state).latest()


def test_what_it_refuses_comes_over_in_words(running: SignerProcess) -> None:
    remote = running.remote()
    sign(remote, 9)
    with pytest.raises(SignerRefused, match="another log of size 9: the database was rewritten"):
        sign(remote, 9, Leaves(9, "other"))
    with pytest.raises(SignerRefused, match="does not go on from the one of size 9"):
        sign(remote, 12, Leaves(12, "other"))
    with pytest.raises(SignerRefused, match="empty log"):
        remote.sign(0, bytes(32), [PUBLIC], LEAVES.proof)
    with pytest.raises(SignerRefused, match=r"this is the signer of .*solana, not of .*luna"):
        RemoteSigner(running.socket, "ledger.example/luna").latest()
    with pytest.raises(SignerRefused, match=r"signed by the operator's key .*, which is not here\. Name its file"):
        remote.sign(10, LEAVES.root(10), [keys.public_of(OTHER_SEED)], LEAVES.proof)
    running.state.rename(running.folder / "away")
    with pytest.raises(SignerRefused, match="state is missing"):
        remote.latest()
    (running.folder / "away").rename(running.state)
    assert size_of(sign(remote, 12)) == 12


def test_many_ask_at_once(running: SignerProcess) -> None:
    remote = running.remote()
    with ThreadPoolExecutor(8) as pool:
        notes = list(pool.map(lambda size: sign(remote, size), range(1, 121)))
    assert all(size_of(note) >= size for size, note in enumerate(notes, 1))


# --- nobody there


def test_away_and_back_again(tmp_path: Path) -> None:
    process = SignerProcess(tmp_path)
    with pytest.raises(SignerAway, match=r"no signer answers there .*comarca signer --listen"):
        process.remote().latest()
    with process:
        assert size_of(sign(process.remote(), 3)) == 3
        assert process.stop() == 0
        assert not process.socket.exists()
        with pytest.raises(SignerAway):
            sign(process.remote(), 4)
        process.start()
        assert size_of(sign(process.remote(), 4)) == 4


def test_killed_in_the_middle_it_never_signs_a_second_past(tmp_path: Path) -> None:
    """While eight ask. What was given away is of one log, and so is all that comes after a restart."""
    process, given, reached = SignerProcess(tmp_path), list[bytes](), 0
    for round in range(4):
        process.start()
        killed = threading.Timer(0.1 + 0.07 * round, process.kill)

        def ask(size: int) -> None:
            with suppress(SignerAway):
                given.append(sign(process.remote(), size))

        killed.start()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(reached + 1, reached + 60)))
        killed.join()
        reached = max(map(size_of, given), default=0)
        state = Signer([SEED], ORIGIN, process.state).latest()
        assert size_of(state) >= reached
    assert given
    assert all(checkpoint.parse(note).root == LEAVES.root(size_of(note)) for note in given)
    with process:
        with pytest.raises(SignerRefused, match="does not go on"):
            sign(process.remote(), 390, Leaves(400, "other"))
        assert size_of(sign(process.remote(), 390)) == 390


def test_a_signer_that_hangs_is_given_up(running: SignerProcess) -> None:
    assert running.process is not None
    running.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(SignerAway, match="did not answer: it took too long"):
            running.remote(within=0.3).latest()
    finally:
        running.process.send_signal(signal.SIGCONT)
    assert running.remote().latest() is None


# --- the socket


def test_the_socket_is_its_users_alone(running: SignerProcess) -> None:
    assert stat.S_IMODE(running.socket.stat().st_mode) == 0o600
    second = running.popen("--listen", "signer.sock", "--origin", ORIGIN)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 3 and "a signer listens there already" in errors
    assert running.remote().latest() is None


def test_anything_else_in_the_place_is_left_alone(tmp_path: Path) -> None:
    process = SignerProcess(tmp_path)
    process.socket.write_text("precious")
    refused = process.popen("--listen", "signer.sock", "--origin", ORIGIN)
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 3 and "is no socket" in errors
    assert process.socket.read_text() == "precious"


def test_a_stale_socket_is_taken_over(tmp_path: Path) -> None:
    process = SignerProcess(tmp_path).start()
    process.kill()
    assert process.socket.exists()
    with process:
        assert process.remote().latest() is None


def test_a_silent_asker_does_not_keep_it_from_stopping(running: SignerProcess) -> None:
    with connected(running) as wire:
        assert size_of(sign(running.remote(), 3)) == 3  # it is heard, whoever is silent
        assert running.stop() == 0
        assert wire.recv(1) == b""


# --- hostile askers


def framed(octets: bytes) -> bytes:
    return len(octets).to_bytes(4) + octets


BODY = checkpoint.body(ORIGIN, 5, LEAVES.root(5))
KEY = keys.encode(PUBLIC).encode()
START = f"{talk.SIGN}\n".encode()


@pytest.mark.parametrize("sent", [
    b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", framed(b"comarca/signer@v1 status"),
    framed(b"comarca/signer@v2 status\n" + ORIGIN.encode() + b"\n"), framed(b"\xe2\x80\x94\n"), framed(START),
    framed(START + KEY + b"\n" + BODY), framed(START + b"\n" + BODY), framed(START + KEY + b"\n\n" + BODY[:-1]),
    framed(START + KEY[:-1] + b"\n\n" + BODY), framed(START + (KEY + b"\n") * 9 + b"\n" + BODY),
    framed(START + KEY + b"\n\n" + BODY.replace(b"\n5\n", b"\n05\n")),
    framed(START + KEY + b"\n\n" + BODY + b"extension\n"), framed(f"{talk.STATUS}\n\xff\n".encode("latin-1")),
])  # fmt: skip
def test_what_is_no_question_is_refused(shared: SignerProcess, sent: bytes) -> None:
    with connected(shared) as wire:
        wire.sendall(sent)
        first, rest = Talk(wire, 20).hear()
        assert first == talk.REFUSED and talk.parse_line(rest).startswith("not understood: ")
        assert ended(wire)
    assert size_of(shared.remote().latest()) >= 5


def asked(wire: socket.socket, size: int) -> Talk:
    """A conversation in which the signer now waits for a proof to this size."""
    conversation = Talk(wire, 20)
    conversation.say(talk.SIGN, talk.format_request(Request(ORIGIN, size, LEAVES.root(size), (PUBLIC,))))
    assert conversation.hear()[0] == talk.PROVE
    return conversation


@pytest.mark.parametrize("rest", [b"", b"AAAA\n", b"no base64\n", b"\n", (b"A" * 43 + b"=\n") * 64, b"A" * 43 + b"="])
def test_a_proof_that_is_none_gets_no_signature(shared: SignerProcess, rest: bytes) -> None:
    before = shared.remote().latest()
    with connected(shared) as wire:
        conversation = asked(wire, size_of(before) + 4)
        conversation.say(talk.PROOF, rest)
        assert conversation.hear()[0] == talk.REFUSED
    assert shared.remote().latest() == before


VANISH: list[Callable[[Talk, socket.socket], object]] = [
    lambda conversation, wire: wire.close(),
    lambda conversation, wire: wire.sendall(b"\x00\x00\x10"),
    lambda conversation, wire: conversation.say("proof or not"),
    lambda conversation, wire: wire.shutdown(socket.SHUT_RDWR),
]


@pytest.mark.parametrize("vanish", VANISH)
def test_whoever_vanishes_in_the_middle_holds_up_no_one(
    shared: SignerProcess, vanish: Callable[[Talk, socket.socket], object]
) -> None:
    size = size_of(shared.remote().latest())
    wires = [connected(shared) for _ in range(5)]
    for wire in wires:
        vanish(asked(wire, size + 4), wire)
    for more in (4, 7):
        assert size_of(sign(shared.remote(), size + more)) == size + more
    for wire in wires:
        wire.close()


def test_who_was_overtaken_must_prove_again(shared: SignerProcess) -> None:
    """From the size that another has signed meanwhile; an old proof counts for nothing."""
    size = size_of(shared.remote().latest())
    with connected(shared) as wire:
        conversation = asked(wire, size + 7)
        sign(shared.remote(), size + 4)
        conversation.say(talk.PROOF, talk.format_proof(LEAVES.proof(size, size + 7)))
        first, rest = conversation.hear()
        assert (first, talk.parse_size(rest)) == (talk.PROVE, size + 4)
        conversation.say(talk.PROOF, talk.format_proof(LEAVES.proof(size + 4, size + 7)))
        first, note = conversation.hear()
        assert first == talk.SIGNED and size_of(note) == size + 7


def test_a_crowd_of_the_silent_is_gone_in_seconds(shared: SignerProcess) -> None:
    """Whoever is beyond what it hears at once is told so, or hung up on; then the honest are heard again."""
    wires = [connected(shared) for _ in range(TALKS_MOST + 3)]
    told = [Talk(wire, 20).hear() for wire in wires[TALKS_MOST:]]
    assert told == [(talk.FAILED, b"too many ask at once\n")] * 3
    assert all(map(ended, wires))
    for wire in wires:
        wire.close()
    assert size_of(shared.remote().latest()) >= 5


# --- hostile signers


@pytest.mark.parametrize("said", [
    b"", b"\xff\xff\xff\xff", framed(b"signed\n" + checkpoint.sign(OTHER_SEED, ORIGIN, 9, LEAVES.root(9))),
    framed(b"signed\n" + checkpoint.sign(SEED, ORIGIN, 9, bytes(32))), framed(b"signed\nno checkpoint\n"),
    framed(b"signed\n" + checkpoint.sign(SEED, ORIGIN, 8, LEAVES.root(8))),
    framed(b"signed\n" + checkpoint.sign(SEED, "ledger.example/luna", 9, LEAVES.root(9))),
    framed(b"prove\n9\n"), framed(b"prove\n0\n"), framed(b"prove\n-1\n"), framed(b"what\n"), framed(b"failed\nfull\n"),
])  # fmt: skip
def test_what_answers_is_not_believed(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "signer.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            wire, _ = listener.accept()
            with wire:
                Talk(wire, 20).hear()
                wire.sendall(said)

        with ThreadPoolExecutor(1) as pool:
            answering = pool.submit(answer)
            with pytest.raises(SignerAway):
                RemoteSigner(path, ORIGIN, 20).sign(9, LEAVES.root(9), [PUBLIC], LEAVES.proof)
            answering.result()


# --- the command


def test_a_state_is_made_once_and_only_when_told(tmp_path: Path) -> None:
    process = SignerProcess(tmp_path)
    with process:
        given = sign(process.remote(), 9)
    process.state.unlink()
    for arguments, words in (
        (("--listen", "signer.sock", "--origin", ORIGIN), "state is missing"),
        (("--new-state", "--listen", "signer.sock"), "either --listen"),
        ((), "either --listen"),
    ):
        refused = process.popen(*arguments)
        assert words in refused.communicate(timeout=60)[1] and refused.returncode in (2, 3)
    (tmp_path / "kept").write_bytes(given)
    for code in (0, 3):
        made = process.popen("--new-state", "--from", "kept")
        made.communicate(timeout=60)
        assert made.returncode == code
    with process:
        assert process.remote().latest() == given
        with pytest.raises(SignerRefused):
            sign(process.remote(), 12, Leaves(12, "other"))
        assert size_of(sign(process.remote(), 12)) == 12


def test_the_origin_is_named_until_something_is_signed(tmp_path: Path) -> None:
    process = SignerProcess(tmp_path)
    unnamed = process.popen("--listen", "signer.sock")
    assert "name the ledger's origin by --origin" in unnamed.communicate(timeout=60)[1]
    with process:
        sign(process.remote(), 2)
    other = process.popen("--listen", "signer.sock", "--origin", "ledger.example/luna")
    assert "is the state of ledger.example/solana's signer" in other.communicate(timeout=60)[1]
    again = process.popen("--listen", "signer.sock")
    try:
        assert again.stderr is not None and again.stderr.readline().startswith(f"Signing for {ORIGIN} at ")
        assert process.remote().latest() is not None
    finally:
        again.terminate()
        again.communicate(timeout=20)
    assert again.returncode == 0 and not os.path.exists(process.socket)
