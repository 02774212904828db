"""A verifier of receipts in Node, written from the documents alone, agrees with ours: on true receipts, on mutants, on
keys and signatures that are traps."""

import json
import subprocess
from collections import Counter
from pathlib import Path

from ledger.receipts.verifying import verify
from tests.log.data import load
from tests.log.test_keys import counts
from tests.others.conftest import True_
from tests.others.mutants import Mutants
from tests.others.node import VERIFY, judge, node
from tests.receipts.example import IDENTITY, ORIGIN, RECEIPT


def test_every_true_receipt_is_verified(true: True_) -> None:
    assert set(judge(true.receipts, true.origin, true.identity)) == {"verified"}


def test_no_mutant_is_verified(true: True_) -> None:
    mutants = list(Mutants(true.receipts, 2, true.foreign, number=2))
    assert len(mutants) >= 2_000
    answers = judge([mutant.octets for mutant in mutants], true.origin, true.identity)
    verified = [mutant for mutant, answer in zip(mutants, answers, strict=True) if answer == "verified"]
    assert not verified, verified[:3]
    assert len(Counter(answers)) > 40  # they are refused at many places, not at one


def test_no_receipt_is_one_of_another_ledger(true: True_) -> None:
    assert "verified" not in judge(true.receipts, "ledger.example/other", true.identity)
    assert "verified" not in judge(true.receipts, true.origin, bytes(32))
    assert "verified" not in judge(true.foreign, true.origin, true.identity)


def test_the_worked_example_is_shown(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_bytes(RECEIPT)
    identity = "TQRfso072he4U1nSqorpZyS0QDoIPcOzl3/4ARpjvtI="
    command = [node(), str(VERIFY), ORIGIN, identity, str(tmp_path / "receipt.json")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    shown, ours = json.loads(run.stdout), verify(RECEIPT, ORIGIN, IDENTITY)
    assert (shown["log_index"], shown["time"], shown["kind"]) == (ours.log_index, ours.time, ours.kind)
    assert (shown["asked"]["amount"], shown["texts"], shown["log_size"]) == (3430, dict(ours.texts), 12)
    assert shown["signers"] == [signer.holder.hex() for signer in ours.signers]
    (tmp_path / "receipt.json").write_bytes(RECEIPT.replace(b"3430", b"3431"))
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (1, "") and run.stderr.startswith("wrong: ")
    run = subprocess.run([*command[:-1], "nothing.json"], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (2, "") and run.stderr.startswith("nothing.json: cannot be read (ENOENT)")


def test_the_published_signatures_and_keys_are_judged_alike() -> None:
    """914 combinations of odd points, the twelve cases of "Taming the many EdDSAs", Wycheproof."""
    cases = [
        (key, signature, message.encode().hex()) for key, signature, message, _ in load("ed25519/cctv.json")["cases"]
    ]
    cases += [tuple(case[:3]) for name in ("speccheck", "wycheproof") for case in load(f"ed25519/{name}.json")["cases"]]
    program = f"""
        import fs from "node:fs";
        import {{ isKey, verifies }} from {json.dumps((VERIFY.parent / "keys.mjs").as_uri())};
        const cases = JSON.parse(fs.readFileSync(0)).map((case_) => case_.map((text) => Buffer.from(text, "hex")));
        console.log(JSON.stringify(cases.map(([key, ...signed]) => isKey(key) && verifies(key, ...signed))));
    """
    run = subprocess.run(
        [node(), "--input-type=module", "-e", program],
        input=json.dumps(cases), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [counts(key, signature, bytes.fromhex(text)) for key, signature, text in cases]
