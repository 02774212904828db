"""Two ledgers, each served as its operator serves it, and each the other's witness, over HTTP."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from ledger.client.http import Client
from ledger.core.words import HolderId
from ledger.log import base64s, checkpoint, keys, policy
from ledger.log.keys import COSIGNER
from ledger.signer.signer import Signer
from tests.followers.witnesses import answering
from tests.processes import children, is_connected
from tests.territory import seed
from tests.witness.community import Community
from tests.witness.running import command, running, witness


@pytest.fixture
def north(tmp_path: Path) -> Iterator[Community]:
    found = Community(tmp_path / "north", "north")
    yield found
    found.territory.close()


@pytest.fixture
def south(tmp_path: Path) -> Iterator[Community]:
    found = Community(tmp_path / "south", "south")
    yield found
    found.territory.close()


def test_two_ledgers_are_each_others_witnesses(north: Community, south: Community) -> None:
    with (
        running(north.folder, *witness(north.folder, [south.vkey])) as of_south,
        running(south.folder, *witness(south.folder, [north.vkey])) as of_north,
    ):
        by_north = south.policy({"north": (north.witness, of_south.address)})
        by_south = north.policy({"south": (south.witness, of_north.address)})
        with (
            north.serving("--witness-policy", by_south) as northern,
            south.serving("--witness-policy", by_north) as southern,
        ):
            for here, there in ((northern, by_south), (southern, by_north)):
                asked = policy.parse((here.community.folder / there).read_bytes())
                for times in (1, 3):
                    size = here.pay(times) + 1
                    note = here.cosigned(size)
                    found = policy.verify(asked, note)
                    assert found.checkpoint.size == size and abs(next(iter(found.cosigned.values())) - time.time()) < 60
                    assert checkpoint.parse(note).signatures[0].name == here.community.origin  # the operator's first
            assert northern.metrics()['comarca_witness_size{ledger="north",witness="south"}'] == size
            assert of_south.ask("GET", "/").body.decode().split("\n")[1] == f"{south.origin} {size}"


def test_a_witness_that_was_killed_and_started_again(north: Community, south: Community) -> None:
    with running(south.folder, *witness(south.folder, [north.vkey])) as first:
        by_south = north.policy({"south": (south.witness, first.address)})
        with north.serving("--witness-policy", by_south) as served:
            size = served.pay() + 1
            served.cosigned(size)
            first.kill()
            newer = served.pay(3) + 1  # nobody who pays notices
            signed, _ = served.checkpoint()
            assert (signed.size, len(signed.signatures)) == (size, 2)
            with running(south.folder, *witness(south.folder, [north.vkey], listen=urlsplit(first.address).netloc)):
                found = policy.verify(policy.parse((north.folder / by_south).read_bytes()), served.cosigned(newer))
                assert found.checkpoint.size == newer


def test_another_past_is_not_cosigned(north: Community, south: Community) -> None:
    """The operator rewrites its database and makes its signer forget: what it signs then no witness cosigns."""
    with (
        closing(sqlite3.connect(north.folder / "ledger.db")) as now,
        closing(sqlite3.connect(north.folder / "before.db")) as before,
    ):
        now.backup(before)
    with running(south.folder, *witness(south.folder, [north.vkey])) as seen:
        by_south = north.policy({"south": (south.witness, seen.address)})
        with north.serving("--witness-policy", by_south) as served:
            size = served.pay(3) + 1
            served.cosigned(size)
        for file in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "operator.state"):
            (north.folder / file).unlink(missing_ok=True)
        shutil.move(north.folder / "before.db", north.folder / "ledger.db")
        Signer.create_state(north.folder / "operator.state")
        with north.serving("--witness-policy", by_south) as served:
            other = served.pay(5) + 1
            assert other > size
            until = time.monotonic() + 30
            while 'outcome="refused"' not in "".join(served.metrics()) and time.monotonic() < until:
                time.sleep(0.1)
            assert 'comarca_witness_asked_total{ledger="north",outcome="refused",witness="south"}' in served.metrics()
            signed, _ = served.checkpoint()
            assert (signed.size, len(signed.signatures)) == (other, 1)
        assert seen.ask("GET", "/").body.decode().split("\n")[1] == f"{north.origin} {size}"


def test_slow_and_dead_witnesses_delay_nobody(north: Community, south: Community) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            answering(lambda handler, asked: time.sleep(8)) as slow,
            running(south.folder, *witness(south.folder, [north.vkey])) as of_north,
        ):
            by_three = north.policy(
                {
                    "slow": (vkey("slow"), slow),
                    "dead": (vkey("dead"), dead),
                    "south": (south.witness, of_north.address),
                },
                "quorum south",
            )
            with north.serving("--witness-policy", by_three) as served:
                for _ in range(3):
                    served.cosigned(served.pay() + 1)
                found = served.metrics()
                assert found['comarca_witness_asked_total{ledger="north",outcome="unreachable",witness="dead"}'] >= 1
                assert found['comarca_witness_asked_total{ledger="north",outcome="cosigned",witness="south"}'] >= 3


def vkey(name: str) -> str:
    return keys.vkey(f"witness.example/{name}", keys.public_of(seed(name)), COSIGNER)


def test_what_others_verify(north: Community, south: Community) -> None:
    """The export, its check, a checkpoint and a receipt by policy, as those do it who trust the witness."""
    with running(south.folder, *witness(south.folder, [north.vkey])) as of_north:
        north.policy({"south": (south.witness, of_north.address)})
        stricter = north.policy({"south": (south.witness, ""), "other": (vkey("other"), "")}, name="stricter")
        with north.serving("--witness-policy", "policy") as served:
            size = served.pay() + 1
            note = served.cosigned(size)
            at = ("--server", served.process.address)
            assert command(north.folder, "log", "export", "log", *at).returncode == 0
            assert (north.folder / "log" / "checkpoint").read_bytes() == note
            assert served.process.ask("GET", "/north/checkpoint").body == note
            with urlopen(f"{served.process.address}/north/checkpoint") as answer:
                tag = answer.headers["ETag"]
                assert answer.headers["Cache-Control"] == "public, no-cache" and answer.read() == note
            asked_again = Request(f"{served.process.address}/north/checkpoint", headers={"If-None-Match": tag})
            with pytest.raises(HTTPError, match="304"):
                urlopen(asked_again)
            client = Client(served.process.address, "north")
            client.log_in(HolderId(north.members[0]), north.territory.seeds[north.members[0]], int(time.time()))
            (north.folder / "receipt.json").write_text(json.dumps(client.entry(size - 1)["receipt"]))
            client.close()
    identity = base64s.encode(north.territory.identity)
    verified = ("--origin", north.origin, "--identity", identity)
    checks: list[tuple[object, ...]] = [
        ("log", "check", "log", "--identity", identity),
        ("verify", "checkpoint", "log/checkpoint"),
        ("verify", "receipt", "receipt.json", *verified),
    ]
    for words in checks:
        good = command(north.folder, *words, "--policy", "policy", "--json")
        assert good.returncode == 0, good.stderr
        assert list(json.loads(good.stdout)["cosigned"]) == ["south"]
        bad = command(north.folder, *words, "--policy", stricter)
        assert bad.returncode == 1 and "cosigned by south alone, which does not meet the quorum" in bad.stderr
    asked = {"COMARCA_WITNESS_POLICY": "policy", "COMARCA_URL": north.url}
    assert f"policy: met up to size {size} of {size}" in command(north.folder, "doctor", **asked).stdout
    assert command(north.folder, "log", "checkpoint", **asked).stdout.encode() == note
    assert command(north.folder, "log", "checkpoint", COMARCA_URL=north.url).stdout.count("\u2014") == 1
    (north.folder / "before").write_bytes(b"\n".join(note.split(b"\n")[:-2]) + b"\n")
    assert "by none of the policy's witnesses" in command(north.folder, "verify", "checkpoint", "before", "--policy",
                                                          "policy").stderr  # fmt: skip


def test_several_processes(tmp_path: Path, postgres_url: str, south: Community) -> None:
    """The one that writes collects, all of them publish the same; if it is killed, another goes on."""
    north = Community(tmp_path / "north", "north", postgres_url)
    try:
        with running(south.folder, *witness(south.folder, [north.vkey])) as of_north:
            by_south = north.policy({"south": (south.witness, of_north.address)})
            with north.serving("--witness-policy", by_south, "--processes", 3) as served:
                note = served.cosigned(served.pay(10) + 1)
                assert {served.checkpoint()[1] for _ in range(20)} == {note}
                asked = {
                    name: n for name, n in served.metrics().items() if name.startswith("comarca_witness_asked_total")
                }
                assert {name.split('"')[3] for name in asked} == {"cosigned"}
                port = urlsplit(of_north.address).port or 0
                (collecting,) = [pid for pid in children(served.process.process.pid) if is_connected(pid, port)]
                os.kill(collecting, signal.SIGKILL)
                size = served.pay_after_all() + 1
                assert checkpoint.parse(served.cosigned(size)).size >= size
                assert not is_connected(collecting, port)
    finally:
        north.territory.close()


def test_it_does_not_start_with_a_policy_that_asks_nobody(north: Community) -> None:
    north.policy({"south": (vkey("south"), "")})
    with pytest.raises(AssertionError, match="no witness has an address"), north.serving("--witness-policy", "policy"):
        pass
