"""Policies: those of the vectors, quorums of groups, and every text that is refused."""

import pytest

from ledger.log import checkpoint, cosignature, keys, policy, proof
from ledger.log.keys import COSIGNER
from ledger.log.malformed import Malformed
from tests.log.data import load

COSIGNED = load("witness/cosigned.json")
POLICIES = {name: text.encode() for name, text in COSIGNED["policies"].items()}
NOTE, BARE = COSIGNED["cosigned"].encode(), COSIGNED["uncosigned"].encode()
ORIGIN = "ledger.example/solana"
OPERATOR = bytes([200]) * 32
LOG = keys.vkey(ORIGIN, keys.public_of(OPERATOR))
TEXT = checkpoint.body(ORIGIN, 12, bytes(32))


def seed(n: int) -> bytes:
    return bytes([n]) * 32


def vkey(n: int) -> str:
    """The verifier key of the witness of this number."""
    return keys.vkey(f"witness.example/w{n}", keys.public_of(seed(n)), COSIGNER)


def witness(n: int) -> str:
    return f"witness w{n} {vkey(n)}\n"


def signed(*numbers: int) -> bytes:
    """A checkpoint that these witnesses cosigned."""
    lines = [cosignature.make(seed(n), f"witness.example/w{n}", TEXT, 1_795_000_000 + n) for n in numbers]
    return checkpoint.sign(OPERATOR, ORIGIN, 12, bytes(32)) + "".join(f"{line}\n" for line in lines).encode()


# --- what it takes


def test_policies_of_the_vectors() -> None:
    assert policy.verify(policy.parse(POLICIES["none"]), BARE).checkpoint.size == 600
    assert list(policy.verify(policy.parse(POLICIES["witness"]), NOTE).cosigned) == ["w1"]
    assert policy.verify(policy.parse(POLICIES["both"]), NOTE).cosigned == {"w1": 1795478285, "a1": 1795000900}
    assert policy.verify(policy.parse(POLICIES["none"]), COSIGNED["with_mldsa"].encode()).cosigned == {}
    for name in ("witness", "both"):
        with pytest.raises(Malformed, match="cosigned by none of the policy's witnesses"):
            policy.verify(policy.parse(POLICIES[name]), BARE)


def test_policies_over_proofs() -> None:
    one, both = (proof.parse(COSIGNED["proofs"][name].encode()).checkpoint for name in ("witness only", "both"))
    assert policy.verify(policy.parse(POLICIES["both"]), both).checkpoint.size == 600
    with pytest.raises(Malformed, match="cosigned by w1 alone, which does not meet the quorum both"):
        policy.verify(policy.parse(POLICIES["both"]), one)


GROUPS = "".join(map(witness, range(1, 7))) + "group x 2 w1 w2 w3\ngroup y any w4 w5 w6\ngroup z all x y\n"


@pytest.mark.parametrize(
    ("quorum", "cosigners", "met"),
    [("none", (), True), ("w1", (1,), True), ("w1", (2,), False), ("x", (1, 3), True), ("x", (1,), False),
     ("x", (1, 4, 5, 6), False), ("y", (6,), True), ("y", (1, 2, 3), False), ("z", (1, 2, 4), True),
     ("z", (1, 2, 3), False), ("z", (1, 4, 5, 6), False), ("z", (1, 2, 3, 4, 5, 6), True)],
)  # fmt: skip
def test_quorums(quorum: str, cosigners: tuple[int, ...], met: bool) -> None:
    read = policy.parse(f"log {LOG}\n{GROUPS}quorum {quorum}\n".encode())
    if met:
        assert set(policy.verify(read, signed(*cosigners)).cosigned) == {f"w{n}" for n in cosigners}
    else:
        with pytest.raises(Malformed, match="does not meet"):
            policy.verify(read, signed(*cosigners))


def test_white_space_comments_and_addresses() -> None:
    text = (f"# what is asked for\n\n \t \n\t# more\nquorum none\n  log\t {LOG}  https://ledger.example/solana \n"
            f"witness \u212a {vkey(1)} https://b\u00fccher.example/\n")  # fmt: skip
    read = policy.parse(text.encode())
    assert read.logs == ((ORIGIN, keys.public_of(OPERATOR), "https://ledger.example/solana"),)
    assert read.witnesses == (
        ("\u212a", "witness.example/w1", keys.public_of(seed(1)), "https://b\u00fccher.example/"),
    )


def test_names_are_octets() -> None:
    """A K and a Kelvin sign are two names, and what is not UTF-8 is one as well."""
    lines = [f"witness K {vkey(1)}\n".encode(), f"witness \u212a {vkey(2)}\n".encode(),
             b"witness \xff " + vkey(3).encode() + b"\n", b"group g all K \xff\nquorum g\n"]  # fmt: skip
    read = policy.parse(b"".join(lines))
    assert policy.verify(read, signed(1, 3)).cosigned.keys() == {"K", "\udcff"}
    with pytest.raises(Malformed):
        policy.verify(read, signed(1, 2))


def test_thirty_two_of_each() -> None:
    logs = "".join(f"log {keys.vkey(ORIGIN, keys.public_of(seed(100 + n)))}\n" for n in range(31)) + f"log {LOG}\n"
    groups = "".join(f"group g{n} all w{n}{f' g{n - 1}' if n > 1 else ''}\n" for n in range(1, 33))
    read = policy.parse(f"{logs}{''.join(map(witness, range(1, 33)))}{groups}quorum g32\n".encode())
    assert read.is_met([f"w{n}" for n in range(1, 33)])
    assert not read.is_met([f"w{n}" for n in range(2, 33)])


# --- whose checkpoint it is


def test_a_checkpoint_of_another_log_is_refused() -> None:
    read = policy.parse(f"log {LOG}\nquorum none\n".encode())
    for note in (checkpoint.sign(OPERATOR, "ledger.example/other", 12, bytes(32)),
                 checkpoint.sign(seed(1), ORIGIN, 12, bytes(32))):  # fmt: skip
        with pytest.raises(Malformed):
            policy.verify(read, note)


def test_one_origin_may_have_an_old_key_and_a_new_one() -> None:
    text = f"log {keys.vkey(ORIGIN, keys.public_of(seed(1)))}\nlog {LOG}\nquorum none\n"
    for by in (OPERATOR, seed(1)):
        assert policy.verify(policy.parse(text.encode()), checkpoint.sign(by, ORIGIN, 12, bytes(32)))


def test_a_forged_cosignature_is_refused_though_the_quorum_is_met() -> None:
    read = policy.parse(f"log {LOG}\n{GROUPS}quorum w1\n".encode())
    name, other = "witness.example/w2", checkpoint.body(ORIGIN, 13, bytes(32))
    with pytest.raises(Malformed, match=r"not one of 'witness\.example/w2' on this checkpoint"):
        policy.verify(read, signed(1) + f"{cosignature.make(seed(2), name, other, 1)}\n".encode())


# --- what is refused

W1, W2 = witness(1), witness(2)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", W1, "quorum none", f"{W1}quorum none\nquorum w1\n", "quorum\n", "quorum none none\n", "quorum w1\n",
        f"quorum w1\n{W1}", "Quorum none\n", "quorum none # why\n", "quorum none\r\n", "quorum\x0bnone\n",
        "quorum none\x7f\n", "quorum\u00a0none\n", "quorum none\n\x00\n", "policy\nquorum none\n",
        "log\nquorum none\n", f"log {LOG} a b\nquorum none\n", f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {LOG}\nlog {keys.vkey('ledger.example/other', keys.public_of(OPERATOR))}\nquorum none\n",
        f"log {vkey(1)}\nquorum none\n", f"log {COSIGNED['log_mldsa']}\nquorum none\n",
        f"log {LOG.replace('+', '+0', 1)}\nquorum none\n", f"log {LOG[:-1]}\nquorum none\n",
        f"log \xff{LOG}\nquorum none\n",
        "log ledger.example/solana\nquorum none\n",
        f"witness w1\n{W1}quorum none\n",
        f"witness w1 {vkey(1)} a b\nquorum none\n", f"witness w1 {LOG}\nquorum none\n",
        f"{W1}{W1}quorum none\n",
        f"{W1}witness w2 {vkey(1)}\nquorum none\n", f"{W1}witness w1 {vkey(2)}\nquorum none\n",
        f"witness none {vkey(1)}\nquorum none\n",
        f"{W1}group g\nquorum none\n", f"{W1}group g all\nquorum g\n", f"{W1}group g w1\nquorum g\n",
        f"{W1}group g 0 w1\nquorum g\n", f"{W1}group g 2 w1\nquorum g\n", f"{W1}group g -1 w1\nquorum g\n",
        f"{W1}group g 01 w1\nquorum g\n", f"{W1}group g +1 w1\nquorum g\n", f"{W1}group g \u0661 w1\nquorum g\n",
        f"{W1}group g 1_0 w1\nquorum g\n", f"{W1}group g ALL w1\nquorum g\n", f"{W1}group g any none\nquorum g\n",
        f"{W1}group g any w1 w1\nquorum g\n", f"{W1}{W2}group g any w1\ngroup h any w1 w2\nquorum h\n",
        f"group g any w1\n{W1}quorum g\n", f"{W1}group g any w1 g\nquorum g\n", f"{W1}group w1 any w1\nquorum w1\n",
        f"{W1}group none any w1\nquorum none\n", f"{W1}{W2}group g any w1\ngroup g any w2\nquorum g\n",
        "#" * policy.MOST + "\nquorum none\n",
    ],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        policy.parse(text.encode())


def test_a_key_under_which_anything_verifies_is_refused() -> None:
    small = keys.vkey("witness.example/w1", bytes([1]) + bytes(31), COSIGNER)
    with pytest.raises(Malformed, match="line 1 of the policy: the verifier key's octets"):
        policy.parse(f"witness w1 {small}\nquorum w1\n".encode())


def test_what_is_wrong_is_said_with_its_line() -> None:
    with pytest.raises(Malformed, match=r"line 3 of the policy: no witness or group 'w2' stands above"):
        policy.parse(f"# one\n{W1}quorum w2\n".encode())
    with pytest.raises(Malformed, match="`quorum none` asks for no witness"):
        policy.parse(W1.encode())
