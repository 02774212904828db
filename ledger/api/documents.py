"""Pages for people: the whole API, made from its OpenAPI document, and every reason that an answer can give.

They need no network beside this server: style and script stand in the page, and the policy that is sent with it lets
nothing else in.
"""

import base64
import hashlib
from html import escape
from importlib.resources import files
from typing import Any

from flask import Flask, Response, current_app
from jinja2 import Environment, PackageLoader

from ledger.api.edge import HTML, Routes, produces, public
from ledger.api.reasons import REASONS

EXTENSION = "comarca_pages"
documents = Routes("documents", __name__, url_prefix="/docs", description="These pages")


def register(app: Flask, document: dict[str, Any]) -> None:
    """Make the page of an OpenAPI document, once."""
    css, js = (files(__package__).joinpath("pages", name).read_text("utf-8") for name in ("docs.css", "docs.js"))
    pages = Environment(loader=PackageLoader("ledger.api", "pages"), autoescape=True)
    page = pages.get_template("docs.html").render(document=document, css=css, js=js)
    policy = f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(js)}'"
    app.extensions[EXTENSION] = page, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _digest(text: str) -> str:
    """How a policy names what stands in a page (CSP 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@documents.route("", methods=["GET"])
@documents.response(200, {"type": "string"}, content_type=HTML, description="A page for people")
@produces(HTML)
def show_api() -> Response:
    """This API, for people."""
    page, policy = current_app.extensions[EXTENSION]
    return _page(page, policy)


@documents.route("/reasons", methods=["GET"])
@documents.response(200, {"type": "string"}, content_type=HTML, description="A page for people")
@produces(HTML)
def list_reasons() -> Response:
    """Every reason that an answer can give, with its status and what would help."""
    rows = "\n".join(
        f'<dt id="{name}">{name} ({reason.status})</dt><dd>{escape(reason.message)} {escape(reason.remedy)}</dd>'
        for name, reason in REASONS.items()
    )
    page = f"<!doctype html><html lang=en><title>Reasons</title><h1>Reasons</h1><dl>\n{rows}\n</dl></html>\n"
    return _page(page, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def _page(page: str, policy: str) -> Response:
    response = public(Response(page, content_type=f"{HTML}; charset=utf-8"))
    response.headers["Content-Security-Policy"] = policy
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
