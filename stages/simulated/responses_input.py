"""What the Responses API refuses of the items it is given, in its own words.

    input[0] … input[n] ─▶ each by its type ─▶ parts ─▶ calls and their outputs ─▶ reasoning and what it led to

A call is answered somewhere behind it, and an output answers a call before it.  Reasoning stands before what it
produced and brings its encrypted content with it, as nothing is kept here that an id could stand for: where the request
itself wants to be stored, ids of the form that the model gives are taken for ids of what it has stored.
"""

import re
from typing import Any

from stages.simulated import responses_fields as fields
from stages.simulated import responses_wording as wording
from stages.simulated import signature
from stages.simulated.responses_body import items_of, produced
from stages.simulated.responses_wording import refuse

MINE = re.compile(r"rs_[0-9a-f]{24}\d{2,}\Z")
UNKEPT = (
    " Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item "
    "from your input."
)
URL = re.compile(r"(https?:|data:)", re.IGNORECASE)


def check(body: dict[str, Any]) -> None:
    """Raise Refused if the input of *body* is not one the API goes on with."""
    given = body["input"]
    if isinstance(given, str):
        return
    wording.typed("input", given, list, "a string or an array of objects")
    if not given:
        refuse(
            "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            code="empty_array",
            param="input",
        )
    for n, item in enumerate(given):
        wording.typed(f"input[{n}]", item, dict, "an object")
        _item(f"input[{n}]", item)
    items = items_of(body)
    _answered(items)
    for n, item in enumerate(items):
        if item.get("type") == "reasoning":
            _reasoning(item, items[n + 1 :], stored=body.get("store") is not False)
        elif item.get("type") == "item_reference":
            _lost(item["id"], stored=body.get("store") is not False)


# -- one item ---------------------------------------------------------------------------------------------------------


def _item(where: str, item: dict[str, Any]) -> None:
    kind = item.get("type") or "message"
    if kind not in fields.ITEMS:
        wording.value(kind, tuple(fields.ITEMS), f"{where}.type")
    for name in fields.REQUIRED.get(kind, ()):
        if item.get(name) is None:
            wording.missing(f"{where}.{name}")
    wording.only(where, item, fields.ITEMS[kind])
    _ident(where, kind, item)
    if kind == "message":
        _message(where, item)
    if "call_id" in item and item["call_id"] is not None:
        wording.typed(f"{where}.call_id", item["call_id"], str, "a string")
        wording.short(f"{where}.call_id", item["call_id"], 64)
    if kind in ("function_call", "custom_tool_call"):
        wording.named(f"{where}.name", item["name"])
        text = "arguments" if kind == "function_call" else "input"
        wording.typed(f"{where}.{text}", item[text], str, "a string")
    if kind in ("function_call_output", "custom_tool_call_output"):
        _output(f"{where}.output", item["output"])
    if kind == "reasoning":
        for m, part in enumerate(item["summary"]):
            if part.get("type") != "summary_text":
                wording.value(part.get("type"), ("summary_text",), f"{where}.summary[{m}].type")


def _ident(where: str, kind: str, item: dict[str, Any]) -> None:
    ident, prefix = item.get("id"), fields.PREFIXES.get(kind)
    if ident is None or prefix is None:
        return
    wording.typed(f"{where}.id", ident, str, "a string")
    wording.short(f"{where}.id", ident, 64)
    if not ident.startswith(prefix):
        refuse(
            f"Invalid '{where}.id': '{ident}'. Expected an ID that begins with '{prefix}'.",
            code="invalid_value",
            param=f"{where}.id",
        )


def _message(where: str, item: dict[str, Any]) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in fields.ROLES:
        wording.value(role, fields.ROLES, where)
    if content is None:
        wording.missing(f"{where}.content")
    parts = [] if isinstance(content, str) else content
    wording.typed(f"{where}.content", parts, list, "a string or an array of objects")
    for m, part in enumerate(parts):
        _part(f"{where}.content[{m}]", part, fields.SPOKEN if role == "assistant" else fields.GIVEN)


def _output(where: str, output: Any) -> None:
    parts = [] if isinstance(output, str) else output
    wording.typed(where, parts, list, "a string or an array of objects")
    for m, part in enumerate(parts):
        _part(f"{where}[{m}]", part, fields.GIVEN)


def _part(where: str, part: dict[str, Any], taken: tuple[str, ...]) -> None:
    kind = part.get("type")
    if kind not in fields.PARTS:
        wording.value(kind, tuple(fields.PARTS), f"{where}.type")
    if kind not in taken:
        wording.value(kind, taken, where)
    wording.only(where, part, fields.PARTS[kind])
    text = "refusal" if kind == "refusal" else "text"
    if kind in ("input_text", "output_text", "refusal"):
        if part.get(text) is None:
            wording.missing(f"{where}.{text}")
        wording.typed(f"{where}.{text}", part[text], str, "a string")
    if kind == "input_image":
        _image(where, part)
    if kind == "input_file":
        _file(where, part)


def _image(where: str, part: dict[str, Any]) -> None:
    url = part.get("image_url")
    if url is None:
        if part.get("file_id") is None:
            wording.missing(f"{where}.image_url")
        return
    wording.typed(f"{where}.image_url", url, str, "an image URL")
    if not URL.match(url):
        refuse(
            f"Invalid '{where}.image_url'. Expected a valid URL, but got a value with an invalid format.",
            code="invalid_value",
            param=f"{where}.image_url",
        )


def _file(where: str, part: dict[str, Any]) -> None:
    inside = part.get("file_data")
    if inside is None:
        if part.get("file_id") is None and part.get("file_url") is None:
            wording.missing(f"{where}.file_id")
        return
    if part.get("filename") is None:
        wording.missing(f"{where}.filename")
    if not inside.startswith("data:"):
        refuse(
            f"Invalid '{where}.file_data'. Expected a base64-encoded data URL with an application/pdf MIME type "
            "(e.g. 'data:application/pdf;base64,aGVsbG8='), but got a value without the 'data:' prefix.",
            code="invalid_value",
            param=f"{where}.file_data",
        )


# -- items among each other -------------------------------------------------------------------------------------------


def _answered(items: list[dict[str, Any]]) -> None:
    """Calls and outputs in pairs, the call first."""
    outputs = {kind: (call, key, words) for call, (kind, key, words) in fields.ANSWERS.items()}
    called: set[tuple[str, str]] = set()
    answered: set[tuple[str, str]] = set()
    for item in items:
        kind = item.get("type", "")
        if kind in fields.ANSWERS:
            called.add((kind, item["call_id"]))
        elif kind in outputs:
            call, key, words = outputs[kind]
            if (call, item[key]) not in called:
                refuse(f"No tool call found for {words} output with call_id {item[key]}.", param="input")
            answered.add((call, item[key]))
    for kind, ident in sorted(called - answered):
        refuse(f"No tool output found for {fields.ANSWERS[kind][2]} {ident}.", param="input")


def _reasoning(item: dict[str, Any], following: list[dict[str, Any]], *, stored: bool) -> None:
    ident, sealed = str(item.get("id") or ""), item.get("encrypted_content")
    if not sealed and not (stored and MINE.match(ident)):
        _lost(ident, stored=stored)
    if sealed and signature.verify(str(sealed), "").says == "foreign":
        shown = sealed if len(sealed) < 10 else f"{sealed[:4]}...{sealed[-4:]}"
        refuse(
            f"The encrypted content {shown} could not be verified. Reason: Encrypted content could not be decrypted or "
            "parsed.",
            code="invalid_encrypted_content",
        )
    led = next((other for other in following if other.get("type") != "reasoning"), None)
    if led is not None and not produced(led):  # at the very end it is an answer cut short, which clients bring back
        refuse(f"Item '{ident}' of type 'reasoning' was provided without its required following item.", param="input")


def _lost(ident: str, *, stored: bool) -> None:
    refuse(f"Item with id '{ident}' not found.{'' if stored else UNKEPT}", param="input", status=404)
