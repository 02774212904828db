"""`key new --witness`: a key, its state beside it, and the verifier key that others write down."""

from pathlib import Path

from ledger.log import keys
from ledger.log.keys import COSIGNER
from ledger.witness.state import State
from tests.cli.house import House

NAME = "witness.example/w1"


def test_a_witness_has_a_key_and_a_state(empty: House) -> None:
    made = empty.json("key", "new", "w1.key", "--witness", NAME)
    assert keys.parse_vkey(made[0]["key"], COSIGNER)[0] == NAME
    assert empty.json("key", "show", "w1.key") == made
    assert State(Path("w1.state"), made[0]["key"]).latest("ledger.example/solana").size == 0


def test_a_key_that_was_is_never_given_a_fresh_state(empty: House) -> None:
    empty.good("key", "new", "w1.key", "--witness", NAME)
    assert "never replaced" in empty.bad(2, "key", "new", "w1.key", "--witness", NAME)
    Path("w1.key").unlink()
    assert "never replaced" in empty.bad(3, "key", "new", "w1.key", "--witness", NAME)
    Path("w1.state").unlink()
    empty.good("key", "new", "w1.key", "--witness", NAME)


def test_names_that_are_none(empty: House) -> None:
    for name in ("", "https://witness.example", "witness example", "w+1", "operator", "W/1", "0" * 11):
        said = empty.run("key", "new", "w1.key", "--witness", name)
        assert said.exit_code == (0 if name == "0" * 11 else 2), name
    assert "or a witness's: leave" in empty.bad(2, "key", "new", "w2.key", "--witness", NAME, "--operator")
