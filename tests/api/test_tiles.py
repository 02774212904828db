"""The public log by HTTP as a static site: every tile of every width, and no other address, on each engine."""

import gzip
from urllib.parse import quote

from ledger.log import bundles, checkpoint, keys, merkle, tiles
from ledger.log.tiles import TilePath
from tests.api.desk import Desk, check_problem

HOSTILE = (
    "0/x1/001", "0/+1", "0/٣٠٠", "0/000.p/0", "0/000.p/256", "0/000.p/257", "0/000.p/01", "0/000.p/", "0/000.p",
    "0/000.p/1/", "0/000.p/+1", "0/000.p/-1", "0/000.p/1_0", "0/000.p/٣", "0/..", "0/../checkpoint", "../checkpoint",
    "0/000/..", "../../etc/passwd", "0/%2e%2e/000", "0/x000/000", "0/00", "0/0", "0/0000", "0/000/", "00/000", "64/000",
    "-1/000", "+0/000", "0x0/000", "entries/", "entries", "Entries/000.p/1", "entries/000.p/999999999999999999999999",
    "0/" + "x999/" * 5 + "999", "0/" + "x999/" * 500 + "999", "0/000\n", "0/000.p/1\n", "0/000.p/1%00", "", "0", "0/",
    "//0/000.p/1", "0//000.p/1", "٠/000.p/1", "0/0 0.p/1", "0/000.P/1", "63/000.p/1", "8/000", "1/000.p/1",
)  # fmt: skip


def grown(desk: Desk, size: int) -> int:
    """A log of this many entries, all signed; its size."""
    territory = desk.territory
    payer, payee = territory.members(2)
    territory.send(*(territory.transfer(payer, payee, 1) for _ in range(size - 4)))
    response = desk.submit(territory.transfer(payer, payee, 7))
    assert response.status_code == 201
    return checkpoint.parse(desk.get("/solana/checkpoint").data).size


def test_every_tile_of_a_log_with_two_levels(either_desk: Desk) -> None:
    size = grown(either_desk, 515)
    assert size == 515
    leaves: list[bytes] = []
    for path in tiles.paths_of(size):
        response = either_desk.get("/solana/" + tiles.tile_path(*path))
        assert (response.status_code, response.content_type) == (200, "application/octet-stream")
        if path.level is None:
            leaves += map(merkle.leaf_hash, bundles.split(response.data))
        else:
            span = 256**path.level
            start = 256 * path.number
            wanted = [merkle.root(leaves[n * span : (n + 1) * span]) for n in range(start, start + path.width)]
            assert response.data == b"".join(wanted)
    signed = checkpoint.verify(
        either_desk.get("/solana/checkpoint").data,
        "ledger.example/solana",
        keys.public_of(either_desk.territory.operator),
    )
    assert signed.root == merkle.root(leaves)


def test_a_narrower_part_stays_and_a_wider_one_is_not_there_yet(desk: Desk) -> None:
    size = grown(desk, 259)
    whole = {level: desk.get(f"/solana/tile/{level}/000").data for level in (0, "entries")}
    for width in (1, 2, 100, 255):
        assert desk.get(f"/solana/tile/0/000.p/{width}").data == whole[0][: 32 * width]
        assert (
            bundles.split(desk.get(f"/solana/tile/entries/000.p/{width}").data)
            == bundles.split(whole["entries"])[:width]
        )
    for path in (TilePath(0, 1, 3), TilePath(None, 1, 3), TilePath(1, 0, 1)):
        assert desk.get("/solana/" + tiles.tile_path(*path)).status_code == 200
        wider = tiles.tile_path(path.level, path.number, path.width + 1)
        check_problem(desk.get(f"/solana/{wider}"), 404, "not_found")
    # What is logged and not signed is not there either.
    desk.territory.members(1, first=2)
    check_problem(desk.get("/solana/tile/0/001.p/4"), 404, "not_found")
    assert size == 259


def test_of_an_old_copy_nothing_is_published_as_the_log(desk: Desk) -> None:
    """A checkpoint over more than the database holds, as its signer's state may bring one back."""
    size = grown(desk, 20)
    note = checkpoint.sign(desk.territory.operator, desk.territory.origin, size + 5, bytes(32))
    desk.territory.door.submit([], [(size + 5, bytes(32), note)])
    for path in (TilePath(0, 0, size + 5), TilePath(None, 0, size + 5), TilePath(0, 0, 1)):
        check_problem(desk.get("/solana/" + tiles.tile_path(*path)), 503, "unavailable")


def test_what_caches_are_told(desk: Desk) -> None:
    grown(desk, 5)
    for path in ("tile/0/000.p/2", "tile/entries/000.p/5"):
        response = desk.get(f"/solana/{path}")
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers.get("Vary") == ("Accept-Encoding" if "entries" in path else None)
        again = desk.get(f"/solana/{path}", headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    assert "no-cache" in desk.get("/solana/checkpoint").headers["Cache-Control"]
    assert desk.get("/solana/tile/0/000.p/6").headers["Cache-Control"] == "no-store"


def test_bundles_are_compressed_for_whoever_takes_that(desk: Desk) -> None:
    grown(desk, 40)
    path = "/solana/tile/entries/000.p/40"
    plain = desk.get(path)
    for said in ("gzip", "gzip, identity", "br, gzip;q=0.5", "*"):
        response = desk.get(path, headers={"Accept-Encoding": said})
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.data) == plain.data and len(response.data) < 0.7 * len(plain.data)
        assert response.headers["ETag"] != plain.headers["ETag"]
        again = desk.get(path, headers={"Accept-Encoding": said, "If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304
    for said in ("identity", "gzip;q=0", "br", ""):
        response = desk.get(path, headers={"Accept-Encoding": said})
        assert (response.data, response.headers.get("Content-Encoding")) == (plain.data, None)
    assert "Content-Encoding" not in desk.get("/solana/tile/0/000.p/40", headers={"Accept-Encoding": "gzip"}).headers


def test_any_other_path_is_of_nothing(desk: Desk) -> None:
    for path in HOSTILE:
        check_problem(desk.get("/solana/tile/" + quote(path, safe="/%+")), 404, "not_found")


def test_methods_parameters_and_other_ledgers(desk: Desk) -> None:
    path = "/solana/tile/0/000.p/1"
    assert desk.client.head(path).status_code == 200
    check_problem(desk.client.post(path), 405, "method_not_allowed")
    check_problem(desk.get(path + "?width=1"), 400, "query_invalid")
    check_problem(desk.get(path, headers={"Accept": "text/html"}), 406, "not_acceptable")
    check_problem(desk.get("/nowhere/tile/0/000.p/1"), 404, "not_found")


def test_one_tile_has_one_address(desk: Desk) -> None:
    grown(desk, 5)
    assert desk.get("/solana/tile/0/%30%300.p/1").status_code == 200  # the same octets of a path, as URLs have it
    check_problem(desk.get("/solana/tile/0/000.p/1/"), 404, "not_found")
