"""Receipts are verified offline and strictly: the worked example passes, and whatever is changed in it does not."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.log import base64s, checkpoint, entry, instruction, keys, merkle, notes, salted
from ledger.receipts.verifying import ReceiptError, verify
from tests.receipts.example import IDENTITY, ORIGIN, PAYER, RECEIPT, octets, receipt
from tests.territory import seed

Path = tuple[str | int, ...]


def test_the_example_verifies_and_shows_the_payment() -> None:
    shown = verify(RECEIPT, ORIGIN, IDENTITY)
    assert (shown.log_index, shown.kind, shown.asked.amount, shown.time) == (5, "transfer", 3430, 1795000298)
    assert shown.texts == (("memo", "rent of May – gràcies"),)
    assert [signer.holder.hex() for signer in shown.signers] == [PAYER]
    assert [event.amount for event in shown.events] == [3430]
    assert shown.checkpoint.size == 12


def refuse(value: Any) -> None:
    with pytest.raises(ReceiptError):
        verify(value if isinstance(value, bytes) else octets(value), ORIGIN, IDENTITY)


def test_another_ledger_is_refused() -> None:
    with pytest.raises(ReceiptError, match="not a note of this ledger"):
        verify(RECEIPT, "ledger.example/other", IDENTITY)
    with pytest.raises(ReceiptError, match="identity"):
        verify(RECEIPT, ORIGIN, bytes(32))


def test_every_changed_octet_is_refused() -> None:
    for place in range(0, len(RECEIPT), 2):
        changed = bytes([*RECEIPT[:place], RECEIPT[place] ^ 1, *RECEIPT[place + 1 :]])
        if _means_the_same(changed):
            continue
        with pytest.raises(ReceiptError):
            verify(changed, ORIGIN, IDENTITY)
            pytest.fail(f"accepted with octet {place} changed: {changed[place - 30 : place + 30]!r}")


def _means_the_same(changed: bytes) -> bool:
    try:
        return bool(json.loads(changed) == receipt())
    except ValueError:
        return False


# --- every field, changed in every way


def fields(value: Any, path: Path = ()) -> Iterator[Path]:
    """The place of every value in the receipt."""
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from fields(value[name], (*path, name))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from fields(item, (*path, n))


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def changed_at(path: Path, new: Any) -> Any:
    value = receipt()
    if not path:
        return new
    at(value, path[:-1])[path[-1]] = new
    return value


OTHERS: tuple[Any, ...] = (None, True, False, -1, 0.5, 10**30, "", "x", [], {}, [[]], ["x"], {"line": ""}, "\ud800")


@pytest.mark.parametrize("path", list(fields(receipt())), ids=str)
def test_no_field_can_be_of_another_type(path: Path) -> None:
    for other in OTHERS:
        if other == at(receipt(), path) and type(other) is type(at(receipt(), path)):
            continue
        if path in (("texts",), ("events",)) and other == []:
            continue  # withheld: that is what salted lines are for
        refuse(changed_at(path, other))


@pytest.mark.parametrize("path", [p for p in fields(receipt()) if isinstance(at(receipt(), p), dict)], ids=str)
def test_names_are_exactly_those_of_the_format(path: Path) -> None:
    for name in at(receipt(), path):
        value = receipt()
        del at(value, path)[name]
        refuse(value)
    value = receipt()
    at(value, path)["more"] = 1
    refuse(value)


@pytest.mark.parametrize("path", [p for p in fields(receipt()) if type(at(receipt(), p)) is int], ids=str)
def test_no_number_can_be_another(path: Path) -> None:
    number = at(receipt(), path)
    if path[-2:] == ("event", "count"):
        assert verify(
            octets(changed_at(path, number + 1)), ORIGIN, IDENTITY
        )  # a path does not prove how many there are
        number += 5
    for other in (number + 1, number - 1, number + 12, number + 2**32, number + 2**53, float(number), str(number)):
        refuse(changed_at(path, other))


@pytest.mark.parametrize("path", [p for p in fields(receipt()) if isinstance(at(receipt(), p), list)], ids=str)
def test_lists_can_neither_repeat_nor_be_turned_nor_lengthened(path: Path) -> None:
    items = at(receipt(), path)
    if items:
        refuse(changed_at(path, [*items, items[-1]]))
        refuse(changed_at(path, [items[0], *items]))
    if len(items) > 1:
        refuse(changed_at(path, items[::-1]))
        refuse(changed_at(path, items[:-1]))
    if path[-1] == "path":
        refuse(changed_at(path, [*items, base64s.encode(bytes(32))]))
        refuse(changed_at(path, [base64s.encode(bytes(32))] * 64))
        refuse(changed_at(path, [base64s.encode(base64s.decode(text) + b"\0") for text in items] or ["AA=="]))


def test_lines_may_be_withheld() -> None:
    value = receipt()
    value["texts"], value["events"] = [], []
    shown = verify(octets(value), ORIGIN, IDENTITY)
    assert (shown.texts, shown.events) == ((), ())


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"null", b"\xff", b"\xef\xbb\xbf" + RECEIPT, RECEIPT + b"x", RECEIPT[:-2], b"[" * 100_000,
        RECEIPT.replace(b'"legs"', b'"legs":[],"legs"', 1), RECEIPT.replace(b"12", b"1_2"),
        b'{"receipt":NaN}', b"1" * 10_000, RECEIPT.decode().encode("utf-16"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_receipt_at_all_is_refused(raw: bytes) -> None:
    refuse(raw)


@pytest.mark.parametrize("written", ["5.0", "5e0", "0x5", "05", "+5", "-0", "5" * 5000, "Infinity"])
def test_numbers_are_written_one_way(written: str) -> None:
    text = RECEIPT.decode()
    place = text.index('"log_index": 5') if '"log_index": 5' in text else text.index('"log_index":5')
    refuse((text[:place] + f'"log_index": {written}' + text[place:].partition("5")[2]).encode())


# --- logs that an operator could make, with its own key and against its members


class Forge:
    """A log of one's own making, under the example's kind of genesis: entries go in as they come, unjudged."""

    def __init__(self) -> None:
        self.genesis = receipt()["keys"][0]
        self.operator = seed("operator")
        self.entries = [self.genesis["entry"].encode()]

    def add(self, note: str, events: list[bytes]) -> int:
        """Log a note with events; its log index."""
        root = salted.root(events)
        self.entries.append(entry.encode(1795000300 + len(self.entries), hashlib.sha256(note.encode()).digest(), root))
        return len(self.entries) - 1

    def shown(self, log_index: int) -> dict[str, Any]:
        leaves = [entry.leaf_hash(octets) for octets in self.entries]
        path = [base64s.encode(node) for node in merkle.path_in(leaves, log_index)]
        return {"log_index": log_index, "entry": self.entries[log_index].decode(), "path": path}

    def line(self, events: list[bytes], place: int) -> dict[str, Any]:
        path = [base64s.encode(node) for node in salted.path(events, place)]
        return {"line": events[place].decode(), "index": place, "count": len(events), "path": path}

    def receipt(self, log_index: int, note: str, keys: list[dict[str, Any]]) -> bytes:
        root = merkle.root([entry.leaf_hash(octets) for octets in self.entries])
        value = {
            "receipt": "comarca/receipt@v1",
            "checkpoint": checkpoint.sign(self.operator, ORIGIN, len(self.entries), root).decode(),
            "entry": {**self.shown(log_index), "note": note},
            "legs": [], "texts": [], "events": [],
            "keys": [{**self.shown(0), "note": self.genesis["note"]}, *keys],
        }  # fmt: skip
        return octets(value)


def key_added(holder: str, label: str) -> bytes:
    public = keys.encode(keys.public_of(seed(label)))
    return salted.line(bytes(16), f'{{"event":"key_added","holder":"{holder}","key":"{public}"}}'.encode())


def signed(kind: str, object: str, *signers: tuple[str, str]) -> str:
    """A note of this kind, signed by (holder, label of its key)."""
    text = instruction.text(kind, ORIGIN, object.encode())
    lines = []
    for holder, label in signers:
        name = f"{ORIGIN}/{holder}"
        public = keys.public_of(seed(label))
        lines.append(notes.format_line(name, keys.key_id(name, public), keys.sign(seed(label), text)))
    return instruction.note(text, lines).decode()


ADMINISTRATOR = "01a1ee57e4a0700bb1e14591f15c305c"
MEMBER = "01a1ee5661e87aeb9d0e896041ed7786"
ID = "01a1ee5685107435ba232804b16a8987"
ANCHOR = f'[1,"{base64s.encode(IDENTITY)}"]'
PAYMENT = (f'{{"amount":1,"anchor":{ANCHOR},"id":"{ID}","not_after":1795000900,'
           f'"payee":"01a1ee5665d0752c8bb5b2eada4c0f17","payer":"{MEMBER}"}}')  # fmt: skip


def admission(id: str, label: str) -> str:
    public = keys.encode(keys.public_of(seed(label)))
    facts = '{"inside":true,"kind":"business","place":"ES/08215","sse":true}'
    return (f'{{"anchor":{ANCHOR},"class":"commercial","facts":{facts},"id":"{id}","key":"{public}",'
            f'"not_after":1795000900}}')  # fmt: skip


def test_the_forge_makes_receipts_that_pass() -> None:
    forge = Forge()
    made = [key_added(MEMBER, "any")]
    forge.add("whatever", made)
    note = signed("transfer", PAYMENT, (MEMBER, "any"))
    index = forge.add(note, [b"unseen"])
    key = {**forge.shown(1), "event": forge.line(made, 0)}
    assert verify(forge.receipt(index, note, [key]), ORIGIN, IDENTITY).log_index == 2


def test_an_admission_proves_its_own_key() -> None:
    forge = Forge()
    note = signed("admit", admission(MEMBER, "any"), (MEMBER, "any"), (ADMINISTRATOR, "admin 0"))
    index = forge.add(note, [b"unseen"])
    assert len(verify(forge.receipt(index, note, []), ORIGIN, IDENTITY).signers) == 2


def test_the_genesis_is_its_own_receipt() -> None:
    forge = Forge()
    assert verify(forge.receipt(0, forge.genesis["note"], []), ORIGIN, IDENTITY).kind == "genesis"


def refuse_forged(make: Callable[[Forge], bytes], why: str) -> None:
    with pytest.raises(ReceiptError, match=why):
        verify(make(Forge()), ORIGIN, IDENTITY)


def test_an_administrators_key_is_never_shown_by_an_event_line() -> None:
    def forged(forge: Forge) -> bytes:
        made = [key_added(ADMINISTRATOR, "any")]
        forge.add("whatever", made)
        note = signed("transfer", PAYMENT, (ADMINISTRATOR, "any"))
        index = forge.add(note, [b"unseen"])
        return forge.receipt(index, note, [{**forge.shown(1), "event": forge.line(made, 0)}])

    refuse_forged(forged, "administrator or the clerk")


def test_an_administrators_key_is_never_shown_by_an_admission_under_its_id() -> None:
    def forged(forge: Forge) -> bytes:
        note = signed("admit", admission(ADMINISTRATOR, "any"), (ADMINISTRATOR, "any"))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [])

    refuse_forged(forged, "administrator or the clerk")


def test_a_second_genesis_is_refused() -> None:
    def forged(forge: Forge) -> bytes:
        object = forge.genesis["note"].split("\n")[2]
        old = keys.encode(keys.public_of(seed("admin 0")))
        assert old in object
        object = object.replace(old, keys.encode(keys.public_of(seed("any"))))
        note = signed("genesis", object, (ADMINISTRATOR, "any"))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [])

    refuse_forged(forged, "only one")


def test_an_admission_note_is_no_key_entry() -> None:
    def forged(forge: Forge) -> bytes:
        admitted = signed("admit", admission(MEMBER, "any"), (MEMBER, "any"), (ADMINISTRATOR, "admin 0"))
        forge.add(admitted, [b"unseen"])
        note = signed("transfer", PAYMENT, (MEMBER, "any"))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [{**forge.shown(1), "note": admitted}])

    refuse_forged(forged, "keys.1")


def test_a_key_counts_only_for_later_entries() -> None:
    def forged(forge: Forge) -> bytes:
        note = signed("transfer", PAYMENT, (MEMBER, "any"))
        index = forge.add(note, [b"unseen"])
        made = [key_added(MEMBER, "any")]
        later = forge.add("whatever", made)
        return forge.receipt(index, note, [{**forge.shown(later), "event": forge.line(made, 0)}])

    refuse_forged(forged, "nothing shows")


def test_the_entry_itself_is_not_repeated_among_the_keys() -> None:
    def forged(forge: Forge) -> bytes:
        made = [key_added(MEMBER, "any")]
        note = signed("admit", admission(MEMBER, "any"), (MEMBER, "any"), (ADMINISTRATOR, "admin 0"))
        index = forge.add(note, made)
        return forge.receipt(index, note, [{**forge.shown(index), "event": forge.line(made, 0)}])

    refuse_forged(forged, "nothing here is signed by the key of entry 1")


def test_a_key_entry_that_nothing_needs_is_refused() -> None:
    def forged(forge: Forge) -> bytes:
        made = [key_added(MEMBER, "any")]
        forge.add("whatever", made)
        note = signed("transfer", PAYMENT, (ADMINISTRATOR, "admin 0"))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [{**forge.shown(1), "event": forge.line(made, 0)}])

    refuse_forged(forged, "nothing here is signed")


@pytest.mark.parametrize("label", ["operator", "admin 1", "clerk"])
def test_a_key_that_is_registered_already_is_no_members(label: str) -> None:
    def forged(forge: Forge) -> bytes:
        made = [key_added(MEMBER, label)]
        forge.add("whatever", made)
        note = signed("transfer", PAYMENT, (MEMBER, label))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [{**forge.shown(1), "event": forge.line(made, 0)}])

    refuse_forged(forged, "before")


def test_an_event_that_makes_no_key_live_is_no_key_entry() -> None:
    def forged(forge: Forge) -> bytes:
        made = [salted.line(bytes(16), f'{{"event":"cancelled","holder":"{MEMBER}","target":"{ID}"}}'.encode())]
        forge.add("whatever", made)
        note = signed("transfer", PAYMENT, (MEMBER, "any"))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [{**forge.shown(1), "event": forge.line(made, 0)}])

    refuse_forged(forged, "makes no key live")


def test_a_kind_of_another_release_is_refused() -> None:
    def forged(forge: Forge) -> bytes:
        note = signed("sell_soul", PAYMENT, (ADMINISTRATOR, "admin 0"))
        return forge.receipt(forge.add(note, [b"unseen"]), note, [])

    refuse_forged(forged, "kind")


def test_a_checkpoint_by_a_members_key_is_refused() -> None:
    forge = Forge()
    forge.operator = seed("member 0")
    with pytest.raises(ReceiptError, match="operator"):
        verify(forge.receipt(0, forge.genesis["note"], []), ORIGIN, IDENTITY)


def test_cosignatures_on_the_checkpoint_are_passed_over() -> None:
    value = receipt()
    value["checkpoint"] += notes.format_line("witness.example", b"\1\2\3\4", bytes(72)) + "\n"
    assert verify(octets(value), ORIGIN, IDENTITY).checkpoint.size == 12
    value["checkpoint"] += "no signature line\n"
    refuse(value)


def test_salted_lines_are_no_part_of_a_note() -> None:
    forge = Forge()
    note = signed("cancel", f'{{"anchor":{ANCHOR},"id":"{ID}","not_after":1795000900,"target":"{MEMBER}"}}',
                  (ADMINISTRATOR, "admin 0")) + "\n" + base64s.encode(bytes(16)) + ' "more"\n'  # fmt: skip
    index = forge.add(note, [b"unseen"])
    with pytest.raises(ReceiptError, match="note"):
        verify(forge.receipt(index, note, []), ORIGIN, IDENTITY)


def test_an_event_of_another_entry_is_refused() -> None:
    value = receipt()
    value["events"] = [copy.deepcopy(value["keys"][1]["event"])]
    refuse(value)


def test_lines_of_one_entry_have_one_count() -> None:
    def forged(count: int) -> bytes:
        forge = Forge()
        made = [key_added(MEMBER, "any"), key_added(ID, "other"), key_added(ID, "third")]
        note = signed("transfer", PAYMENT, (ADMINISTRATOR, "admin 0"))
        value = json.loads(forge.receipt(forge.add(note, made), note, []))
        value["events"] = [forge.line(made, 0), {**forge.line(made, 1), "count": count}]
        return octets(value)

    assert len(verify(forged(3), ORIGIN, IDENTITY).events) == 2
    with pytest.raises(ReceiptError, match="count"):
        verify(forged(4), ORIGIN, IDENTITY)


def test_texts_stand_in_the_order_of_their_fields() -> None:
    def forged(fields: tuple[str, str]) -> bytes:
        forge = Forge()
        lines = {field: salted.free_text(bytes(16), field) for field in ("evidence", "memo")}
        named = "".join(f'"{field}":"{base64s.encode(salted.root([line]))}",' for field, line in lines.items())
        before, after = PAYMENT.split('"id"')
        memo = named.index('"memo"')
        object = before + named[:memo] + '"id"' + after.replace('"not_after"', named[memo:] + '"not_after"')
        note = signed("transfer", object, (ADMINISTRATOR, "admin 0"))
        value = json.loads(forge.receipt(forge.add(note, [b"unseen"]), note, []))
        value["texts"] = [{"field": field, "line": lines[field].decode()} for field in fields]
        return octets(value)

    assert len(verify(forged(("evidence", "memo")), ORIGIN, IDENTITY).texts) == 2
    with pytest.raises(ReceiptError, match="order"):
        verify(forged(("memo", "evidence")), ORIGIN, IDENTITY)
