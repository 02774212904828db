"""JSON Schema of what the core's forms take, derived from their types: what OpenAPI says of each kind is no second
declaration (ledger/core/forms.py derives parser and encoder from the same).

As people ask for it: a free text is itself and not its hash, legs are an array of objects.
"""

from typing import Annotated, Any, Literal, get_args, get_origin

from ledger.core import words
from ledger.core.forms import fields_of
from ledger.core.machine import BY_KIND
from ledger.service.preparing import LEGS_MOST, PREPARED, VALID_S, window

Json = dict[str, Any]
TEXT_MOST = 4071  # octets of a free text's JSON, so characters at most


def ask_of(kind: str) -> Json:
    """The schema of what `prepare` takes for one kind."""
    most = window(kind)
    valid = {"type": "integer", "minimum": 1, "maximum": most, "default": VALID_S[most]}
    return _object({"kind": {"const": kind}, "fields": form_schema(BY_KIND[kind].fields), "valid_s": valid},
                   ["kind", "fields"])  # fmt: skip


def asks() -> dict[str, Json]:
    """The schemas of all kinds by their names in a document: `transfer_many` is AskTransferMany."""
    return {_name(kind): ask_of(kind) for kind in PREPARED}


def mapping() -> dict[str, str]:
    """Where the schema of each kind stands in the document, by the kind."""
    return {kind: f"#/components/schemas/{_name(kind)}" for kind in PREPARED}


def _name(kind: str) -> str:
    return "Ask" + kind.title().replace("_", "")


def form_schema(form: type) -> Json:
    """The schema of a form: an object of its fields, or an array of them in order."""
    fields = fields_of(form)
    shown = {field.name: schema_of(field.hint) for field in fields}
    if form in words.ARRAYS:
        return {"type": "array", "prefixItems": list(shown.values()), "minItems": len(fields), "maxItems": len(fields)}
    return _object(shown, [field.name for field in fields if not field.optional])


def _object(properties: dict[str, Json], required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def schema_of(hint: Any) -> Json:
    """The schema of one type of `words`, a Literal, a list, a map or another form."""
    if hint in words.IDS:
        return {"type": "string", "pattern": f"^{words.ID}$"}
    if hint is bool:
        return {"type": "boolean"}
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) is Annotated:
        return _annotated(hint)
    if get_origin(hint) is tuple:
        return {"type": "array", "items": schema_of(get_args(hint)[0])}
    return form_schema(hint)


def _annotated(hint: Any) -> Json:
    base, mark = get_args(hint)[:2]
    if hint == words.FreeText:
        return {"type": "string", "maxLength": TEXT_MOST, "description": "free text, signed by its hash"}
    if base is words.Legs:
        return {"type": "array", "items": form_schema(mark), "minItems": 1, "maxItems": LEGS_MOST}
    if isinstance(mark, words.Between):
        return {"type": "integer", "minimum": mark.least, "maximum": mark.most}
    if isinstance(mark, words.Pattern):
        return {"type": "string", "pattern": f"^(?:{mark.expression})$"}
    if isinstance(mark, words.Octets):
        length = 4 * ((mark.size + len(mark.prefix) + 2) // 3)
        return {"type": "string", "contentEncoding": "base64", "minLength": length, "maxLength": length}
    if mark == words.MAP:
        key, item = get_args(get_args(base)[0])
        return {"type": "object", "propertyNames": schema_of(key), "additionalProperties": schema_of(item)}
    return {"description": "any value of the JSON profile"}
