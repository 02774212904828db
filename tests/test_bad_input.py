"""What is wrong, forged, hostile or late: each gets a named refusal, and not a byte changes in the database."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.client.writing import Draft, signature_line
from ledger.core.machine import Repeat
from ledger.core.members import Admit, Facts, SetLimits, Suspend
from ledger.core.refusals import Refusal
from ledger.core.transfers import Leg, Transfer
from ledger.core.words import AccountId, Anchor, HolderId, InstructionId
from ledger.log import instruction, keys, notes, salted
from tests.tables import dump
from tests.territory import START, TerritoryOfTests, seed
from tests.ways import TerritoryInMemory

HOSTILE_KEYS = json.loads((Path(__file__).parent / "vectors" / "ed25519" / "hostile_keys.json").read_text("utf-8"))
DAY = 86_400


class Scene:
    """A territory with a business that pays, one that is paid, one that is suspended, and a text in the log."""

    def __init__(self, territory: TerritoryOfTests):
        self.territory = territory
        self.payer, self.payee, self.suspended = territory.members(3)
        status = Suspend(AccountId(self.suspended), 3, b"")
        self.logged = territory.transfer(self.payer, self.payee, 100, once="rent", memo="May")
        outcomes = territory.send(territory.administer("suspend", status, texts={"reason": "audit"}), self.logged)
        assert [getattr(outcome, "log_index", None) for outcome in outcomes] == [4, 5]

    def plain(self) -> dict[str, Any]:
        """A payment in order, as plain JSON."""
        sent = instruction.parse(self.territory.transfer(self.payer, self.payee, 10))
        value: dict[str, Any] = json.loads(sent.object)
        return value

    def sign(self, object: bytes, kind: str = "transfer", origin: str | None = None) -> bytes:
        """The payer's signature under any octets at all."""
        text = instruction.text(kind, origin or self.territory.origin, object)
        line = signature_line(text, HolderId(self.payer), self.territory.seeds[self.payer])
        return instruction.note(text, [line])

    def changed(self, **fields: Any) -> bytes:
        """A payment with fields changed (None: left out), signed as it then stands."""
        plain = {name: value for name, value in {**self.plain(), **fields}.items() if value is not None}
        return self.sign(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode())

    def written(self, old: str, new: str) -> bytes:
        """A payment with its text changed as text, signed as it then stands."""
        text = json.dumps(self.plain(), sort_keys=True, separators=(",", ":"))
        assert old in text
        return self.sign(text.replace(old, new).encode())


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all tests of an engine: not one of them may change a byte of it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('scene') / 'ledger.db'}"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    territory = TerritoryOfTests(url)
    yield Scene(territory)
    territory.close()


def other_territory(scene: Scene, **changes: Any) -> TerritoryInMemory:
    """Another ledger, with the same members' keys."""
    other = TerritoryInMemory("", **changes)
    other.seeds |= scene.territory.seeds
    return other


def forged_anchor(scene: Scene) -> bytes:
    return scene.territory.transfer(scene.payer, scene.payee, 1, anchor=Anchor(2, b"\x05" * 32))


def of_a_remade_ledger(scene: Scene) -> bytes:
    """Signed on a ledger of the very same origin that was begun anew."""
    other = other_territory(scene, utc_offset=0)
    return other.transfer(scene.payer, scene.payee, 1, id=scene.territory.clock.id())


def of_another_ledger(scene: Scene) -> bytes:
    return other_territory(scene, origin="ledger.example/other").transfer(scene.payer, scene.payee, 1)


def with_another_text(scene: Scene) -> bytes:
    id = InstructionId(bytes.fromhex(json.loads(instruction.parse(scene.logged).object)["id"]))
    return scene.territory.transfer(scene.payer, scene.payee, 101, id=id)


def legs_swapped(scene: Scene) -> bytes:
    octets = scene.territory.transfer_many(
        scene.payer, [Leg(AccountId(scene.payee), 1), Leg(AccountId(scene.payee), 2)]
    )
    note, _, lines = octets.rpartition(b"\n\n")
    one, two, _ = lines.split(b"\n")
    return note + b"\n\n" + two + b"\n" + one + b"\n"


def with_lines(scene: Scene, lines: list[bytes], memo: bytes) -> bytes:
    """A payment whose memo's hash is that of `memo`, sent with these lines."""
    asked = Transfer(AccountId(scene.payer), AccountId(scene.payee), 1, memo=salted.root([memo]))
    draft = scene.territory.draft("transfer", asked)
    return scene.territory.signed(Draft(draft.id, draft.text, tuple(lines)), scene.payer)


MEMO = salted.free_text(b"s" * 16, "rent")
OTHER_MEMO = salted.free_text(b"t" * 16, "rent")


def seventeen_signatures(scene: Scene) -> bytes:
    draft = scene.territory.draft("transfer", Transfer(AccountId(scene.payer), AccountId(scene.payee), 1))
    lines = [
        notes.format_line(f"{scene.territory.origin}/{scene.territory.clock.id().hex()}", bytes(4), bytes(64))
        for _ in range(17)
    ]
    return instruction.note(draft.text, lines)


def by_a_strangers_key(scene: Scene) -> bytes:
    draft = scene.territory.draft("transfer", Transfer(AccountId(scene.payer), AccountId(scene.payee), 1))
    return draft.signed([(HolderId(scene.payer), seed("a stranger"))])


def past(scene: Scene, late: int) -> bytes:
    return scene.territory.transfer(scene.payer, scene.payee, 1, not_after=START + late)


def limits(scene: Scene, floor: int, ceiling: int) -> bytes:
    asked = SetLimits(AccountId(scene.payer), floor, ceiling, 1, b"")
    return scene.territory.administer("set_limits", asked, texts={"reason": "more"})


def pay(scene: Scene, payer: bytes, payee: bytes, amount: int = 1, **fields: Any) -> bytes:
    return scene.territory.transfer(payer, payee, amount, **fields)


def stranger_pays(scene: Scene) -> bytes:
    asked = Transfer(AccountId(scene.territory.clock.id()), AccountId(scene.payee), 1)
    return scene.territory.signed(scene.territory.draft("transfer", asked), scene.payer)


def last_octets_changed(octets: bytes) -> bytes:
    """A signature line with other base64 at its end."""
    return octets[:-6] + (b"AAAA=\n" if octets[-6:-2] != b"AAAA" else b"AQAA=\n")


# Name, what is sent, the reason that it must get.
CASES: tuple[tuple[str, Callable[[Scene], bytes], str], ...] = (
    ("a float", lambda s: s.changed(amount=10.5), "malformed"),
    ("a float that is whole", lambda s: s.written('"amount":10', '"amount":10.0'), "malformed"),
    ("an exponent", lambda s: s.written('"amount":10', '"amount":1e1'), "malformed"),
    ("nothing", lambda s: s.changed(amount=0), "malformed"),
    ("less than nothing", lambda s: s.changed(amount=-10), "malformed"),
    ("minus zero", lambda s: s.written('"amount":10', '"amount":-0'), "malformed"),
    ("more than there may be", lambda s: s.changed(amount=10**15 + 1), "malformed"),
    ("2^63", lambda s: s.changed(amount=2**63), "malformed"),
    ("a thousand digits", lambda s: s.written('"amount":10', f'"amount":{"9" * 1000}'), "malformed"),
    ("ten thousand digits", lambda s: s.written('"amount":10', f'"amount":{"9" * 10_000}'), "malformed"),
    ("text for a number", lambda s: s.changed(amount="10"), "malformed"),
    ("true for a number", lambda s: s.changed(amount=True), "malformed"),
    ("a list for a number", lambda s: s.changed(amount=[10]), "malformed"),
    ("an object for a number", lambda s: s.changed(amount={"a": 10}), "malformed"),
    ("null", lambda s: s.written('"amount":10', '"amount":null'), "malformed"),
    ("NaN", lambda s: s.written('"amount":10', '"amount":NaN'), "malformed"),
    ("no amount", lambda s: s.changed(amount=None), "malformed"),
    ("an unknown field", lambda s: s.changed(tip=5), "malformed"),
    ("a number for text", lambda s: s.changed(once=7), "malformed"),
    ("a repeated name", lambda s: s.written('"amount":10', '"amount":10,"amount":10'), "malformed"),
    ("a space", lambda s: s.written('"amount":10', '"amount": 10'), "malformed"),
    ("no object", lambda s: s.sign(b"[]"), "malformed"),
    ("deep nesting", lambda s: s.sign(b'{"a":' * 5000 + b"1" + b"}" * 5000), "malformed"),
    ("an unknown kind", lambda s: s.sign(json.dumps(s.plain()).encode(), kind="mint"), "malformed"),
    ("a kind of the future", lambda s: s.sign(json.dumps(s.plain()).encode(), kind="give_grant"), "malformed"),
    ("limits above zero below", lambda s: limits(s, 1, 5), "malformed"),
    ("no limits at all", lambda s: limits(s, -(2**53), 2**53 - 1), "malformed"),
    ("nothing at all", lambda s: b"", "malformed"),
    ("empty lines", lambda s: b"\n\n\n\n", "malformed"),
    ("zeros", lambda s: bytes(1000), "malformed"),
    ("a note that is too long", lambda s: s.changed(once="x" * 61_000), "malformed"),
    ("a submission that is too long", lambda s: s.logged + b"x" * (20 << 20) + b"\n", "malformed"),
    ("seventeen signatures", seventeen_signatures, "malformed"),
    ("salted lines for nothing", lambda s: s.changed() + b"\n" + MEMO + b"\n", "malformed"),
    ("no memo", lambda s: with_lines(s, [], MEMO), "malformed"),
    ("two memos", lambda s: with_lines(s, [MEMO, MEMO], MEMO), "malformed"),
    ("another memo", lambda s: with_lines(s, [OTHER_MEMO], MEMO), "malformed"),
    ("a memo that is no text", lambda s: with_lines(s, [salted.line(b"s" * 16, b"{}")] * 1,
                                                    salted.line(b"s" * 16, b"{}")), "malformed"),
    ("legs in another order", legs_swapped, "malformed"),
    ("another ledger's", of_another_ledger, "malformed"),
    ("a stranger's key", by_a_strangers_key, "signature_invalid"),
    ("a signature that was changed", lambda s: last_octets_changed(s.changed()), "signature_invalid"),
    ("an id in use", with_another_text, "id_used"),
    ("too late", lambda s: past(s, -1), "expired"),
    ("before the beginning of time", lambda s: past(s, -START), "expired"),
    ("too early", lambda s: past(s, DAY + 1), "not_yet_valid"),
    ("a thousand years too early", lambda s: past(s, 10**11), "not_yet_valid"),
    ("an anchor of a fork", forged_anchor, "anchor_wrong"),
    ("a re-made ledger of this origin", of_a_remade_ledger, "anchor_wrong"),
    ("an anchor ahead", lambda s: pay(s, s.payer, s.payee, anchor=Anchor(10**6, bytes(32))), "anchor_ahead"),
    ("an unknown payer", stranger_pays, "account_unknown"),
    ("to oneself", lambda s: pay(s, s.payer, s.payer), "same_account"),
    ("an unknown payee", lambda s: pay(s, s.payer, s.territory.clock.id()), "payee_unknown"),
    ("from a suspended account", lambda s: pay(s, s.suspended, s.payee), "account_suspended"),
    ("beyond the credit", lambda s: pay(s, s.payer, s.payee, 500_000), "credit_exceeded"),
    ("beyond the credit by far", lambda s: pay(s, s.payer, s.payee, 10**15), "credit_exceeded"),
    ("the same word again", lambda s: pay(s, s.payer, s.payee, once="rent"), "once_used"),
)  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_is_refused_by_name_and_changes_nothing(scene: Scene, make: Callable[[Scene], bytes], reason: str) -> None:
    octets = make(scene)
    before = dump(scene.territory.store)
    (outcome,) = scene.territory.send(octets)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.reason == reason, outcome
    assert len(outcome.message) + sum(len(str(part)) for part in outcome.details.values()) < 1000, (
        "short, whatever came"
    )
    json.dumps(dict(outcome.details))
    assert dump(scene.territory.store) == before


def test_a_replay_is_the_first_entry_and_changes_nothing(scene: Scene) -> None:
    before = dump(scene.territory.store)
    assert scene.territory.send(scene.logged, scene.logged) == [Repeat(5), Repeat(5)]
    note, _, _ = scene.logged.rpartition(b"\n\n")
    (outcome,) = scene.territory.send(note + b"\n")
    assert isinstance(outcome, Refusal), "with the note come its salted lines, on a retry too"
    assert outcome.reason == "malformed"
    assert dump(scene.territory.store) == before


@pytest.mark.parametrize("hostile", HOSTILE_KEYS)
def test_no_hostile_key_is_admitted(memory: Scene, hostile: str) -> None:
    territory = memory.territory
    asked = Admit("commercial", Facts("business", True, True, "ES/08215"), bytes.fromhex(hostile))
    draft = territory.draft("admit", asked)
    name = f"{territory.origin}/{draft.id.hex()}"
    # The signature of all zeros and the identity are what verifiers without the strict profile accept under such keys.
    for signature in (bytes(64), b"\x01" + bytes(63)):
        own = notes.format_line(name, keys.key_id(name, asked.key or b""), signature)
        lines = [signature_line(draft.text, *administrator) for administrator in territory.administrators[:2]]
        outcome = territory.verify(instruction.note(draft.text, [*lines, own]))
        assert isinstance(outcome, Refusal)
        assert (outcome.reason, outcome.details["what"][:3]) == ("malformed", "key")


def test_every_key_that_a_genesis_names_is_checked(memory: Scene) -> None:
    territory = memory.territory
    form = territory.genesis_form('{"commercial":[0,1]}', operator=bytes.fromhex(HOSTILE_KEYS[0]))
    territory.anchor = None
    draft = territory.draft("genesis", form)
    octets = draft.signed([*territory.administrators, territory.clerk])
    outcome = territory.verify(octets)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "malformed"


def test_a_genesis_names_one_origin(memory: Scene) -> None:
    territory = memory.territory
    territory.anchor = None
    form = territory.genesis_form('{"commercial":[0,1]}', origin="ledger.example/other")
    outcome = territory.verify(territory.draft("genesis", form).signed([*territory.administrators, territory.clerk]))
    assert isinstance(outcome, Refusal)
    assert (outcome.reason, outcome.details["what"][:6]) == ("malformed", "origin")


# --- whatever comes, intake answers with a refusal and never with an exception


@pytest.fixture
def memory() -> Scene:
    return Scene(TerritoryInMemory(""))


Fuzzed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@Fuzzed
@given(st.data())
def test_any_change_of_a_submission_is_found(memory: Scene, data: st.DataObject) -> None:
    octets = bytearray(memory.logged)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(octets) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "put", "double"]))
        if how == "flip":
            octets[place] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut":
            del octets[place : place + data.draw(st.integers(1, 40))]
        elif how == "put":
            octets[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        else:
            octets[place:place] = octets[place : place + 200]
    answer = memory.territory.verify(bytes(octets))
    if bytes(octets) == memory.logged:
        return
    assert isinstance(answer, Refusal)
    assert answer.check in (1, 2)


@Fuzzed
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_octets_are_answered(memory: Scene, octets: bytes) -> None:
    for sent in (octets, b"comarca/instruction@v1 transfer\n" + octets, memory.logged + octets, octets + memory.logged):
        answer = memory.territory.verify(sent)
        assert isinstance(answer, Refusal) == (sent != memory.logged)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@Fuzzed
@given(Json, st.sampled_from(["transfer", "transfer_many", "admit", "genesis", "set_policy", "set_facts", "cancel"]))
def test_any_signed_json_is_answered(memory: Scene, value: Any, kind: str) -> None:
    plain = {**memory.plain(), **value} if isinstance(value, dict) else value
    object = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    answer = memory.territory.verify(memory.sign(object, kind))
    if isinstance(answer, Refusal):
        assert answer.reason == "malformed"
    else:
        assert plain == memory.plain() | {"id": plain["id"]}
