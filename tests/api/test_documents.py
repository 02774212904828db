"""docs/api.md and the OpenAPI document say what there is: every route, every reason of HTTP with its status."""

import re
from pathlib import Path

from ledger.api import reasons
from tests.api.desk import Desk

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def routes(desk: Desk) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<[a-z]+:([a-z_]+)>", r"{\1}", rule.rule))
        for rule in desk.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_is_on_the_page(desk: Desk) -> None:
    assert set(re.findall(r"`(GET|POST|DELETE) (/[^`]+)`", PAGE)) == routes(desk)


def test_every_reason_of_http_is_on_the_page_with_its_status() -> None:
    documented = re.findall(r"^\| `([a-z_]+)` \| ([0-9]{3}) \|", PAGE, re.MULTILINE)
    assert documented == [(reason.name, str(reason.status)) for reason in sorted(reasons.OF_HTTP, key=_order)]


def _order(reason: reasons.Reason) -> int:
    return reason.status


def test_the_openapi_document_has_every_route(desk: Desk) -> None:
    document = desk.get("/openapi.json").json
    assert document is not None and document["openapi"] == "3.1.0"
    paths = document["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item.keys() - {"parameters"}}
    assert described | {("GET", "/openapi.json")} == routes(desk)


def test_every_operation_says_what_it_is_and_how_it_fails(desk: Desk) -> None:
    document = desk.get("/openapi.json").json
    assert document is not None
    for item in document["paths"].values():
        for operation in (item[method] for method in item.keys() - {"parameters"}):
            assert operation["summary"]
            assert operation["responses"]["default"]["$ref"] == "#/components/responses/DEFAULT_ERROR"
    error = document["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert list(error) == ["application/problem+json"]
