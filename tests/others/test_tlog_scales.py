"""tlog-scales, a young Python package for tlog-tiles logs that knows nothing of us, reads ours.

Where it is installed (`pip install tlog-scales`): it is no dependency.
"""

from pathlib import Path
from typing import Any

import pytest

from ledger.log import checkpoint, entry, keys, merkle
from tests.exports.exporting import export
from tests.lived import Lived
from tests.others.serving import served
from tests.tables import entries
from tests.territory import TerritoryOfTests

WHY = "tlog-scales is not on this machine: pip install tlog-scales"
backend: Any = pytest.importorskip("tlog_scales.backend", reason=WHY)
reader: Any = pytest.importorskip("tlog_scales.reader", reason=WHY)
signing: Any = pytest.importorskip("tlog_scales.signing", reason=WHY)
tlog: Any = pytest.importorskip("tlog_scales.tlog", reason=WHY)


def vkey(territory: TerritoryOfTests) -> Any:
    text = keys.vkey(territory.origin, keys.public_of(territory.operator))
    return signing.Vkey.from_string(text)


def leaves_of(territory: TerritoryOfTests) -> list[bytes]:
    return [row.leaf_hash for row in entries(territory.store, territory.ledger_id)]


def read_whole(log: Any, territory: TerritoryOfTests) -> None:
    """The checkpoint, every entry with its proof, and a proof from every size; each is what we have ourselves."""
    signed, leaves = log.get_checkpoint(), leaves_of(territory)
    signed.verify(vkey(territory))
    assert (signed.origin, signed.size, signed.root_hash) == (territory.origin, len(leaves), merkle.root(leaves))
    assert log.calculate_root_hash() == signed.root_hash
    for n, leaf in enumerate(leaves):
        octets = log.get_entry(n)
        assert entry.leaf_hash(octets) == leaf
        proof = log.get_inclusion_proof(n, signed.size)
        assert proof.node_hashes == merkle.path_in(leaves, n)
        proof.check(leaf, signed.root_hash)
        log.get_consistency_proof(n + 1, signed.size).check(merkle.root(leaves[: n + 1]), signed.root_hash)


def test_a_served_log(lived: Lived, tmp_path: Path) -> None:
    with served(tmp_path, lived.url, lived.operator) as address:
        read_whole(reader.TilesReader(backend.HttpBackend(f"{address}/solana")), lived)


def test_an_exported_log(lived: Lived, tmp_path: Path) -> None:
    export(lived, tmp_path / "site")
    read_whole(reader.TilesReader(backend.LocalBackend(tmp_path / "site")), lived)


def test_ours_checks_what_it_proves_and_it_refuses_what_is_spoiled(long: TerritoryOfTests) -> None:
    leaves = leaves_of(long)
    root = merkle.root(leaves)
    for n in (0, 1, 255, 256, 298, 299):
        path = merkle.path_in(leaves, n)
        tlog.InclusionProof(n, len(leaves), path).check(leaves[n], root)
        for spoiled in (path[:-1], [*path, leaves[0]], [leaves[7], *path[1:]]):
            with pytest.raises(tlog.InclusionProofInvalid):
                tlog.InclusionProof(n, len(leaves), spoiled).check(leaves[n], root)


def test_a_checkpoint_signed_there_is_read_here(long: TerritoryOfTests) -> None:
    """Both write the same octets, as Ed25519 signs without chance."""
    leaves = leaves_of(long)
    signer = signing.PlainEd25519Signer(long.origin, long.operator)
    theirs = tlog.Checkpoint.make_signed(long.origin, len(leaves), merkle.root(leaves), [signer]).serialize()
    assert theirs.encode() == checkpoint.sign(long.operator, long.origin, len(leaves), merkle.root(leaves))
