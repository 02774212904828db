"""docs/api.md and the OpenAPI document say what there is: every route, every reason of HTTP with its status."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

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


def test_a_validator_accepts_the_document(desk: Desk) -> None:
    OpenAPIV31SpecValidator(desk.get("/openapi.json").json).validate()


def test_every_operation_has_a_tag_with_words(desk: Desk) -> None:
    document = desk.get("/openapi.json").json
    assert document is not None
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    for item in document["paths"].values():
        for operation in (item[method] for method in item.keys() - {"parameters"}):
            assert set(operation["tags"]) <= described


# --- the page to browse


class Page(HTMLParser):
    """What stands in a page: its ids, and every address that its elements name."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: set[str] = set()
        self.opened: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "input"):
            self.opened.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(str(value))
            if name in ("href", "src", "action"):
                self.addresses.add(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def test_the_page_shows_every_operation_and_schema(desk: Desk) -> None:
    document = desk.get("/openapi.json").json
    assert document is not None
    page = Page(desk.get("/docs").text)
    paths = document["paths"].items()
    operations = {f"{method}-{path}" for path, item in paths for method in item.keys() - {"parameters"}}
    assert operations | {f"schema-{name}" for name in document["components"]["schemas"]} | {"filter"} == page.ids
    assert page.opened == []


def test_the_page_needs_no_network(desk: Desk) -> None:
    response = desk.get("/docs")
    page = Page(response.text)
    for address in page.addresses:
        assert address.removeprefix("#") in page.ids or desk.get(address).status_code == 200, address
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "http" not in policy
    for tag, source in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy
    assert len(response.data) < 100_000


def test_both_pages_are_kept_from_frames(desk: Desk) -> None:
    for path in ("/docs", "/docs/reasons"):
        assert "frame-ancestors 'none'" in desk.get(path).headers["Content-Security-Policy"]
