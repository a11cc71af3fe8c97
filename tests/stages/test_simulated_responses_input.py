"""What the simulated Responses API refuses of the items it is given, and in which words."""

from typing import Any, get_args

import pytest
from openai.types.responses.response_input_item_param import ResponseInputItemParam

from stages.simulated import responses_fields, signature
from tests.stages.simulated_talk import BASH, Talk

USER = {"role": "user", "content": "hi"}
SAID = {"type": "message", "role": "assistant", "content": "so"}
CALL = {"type": "function_call", "call_id": "c1", "name": "Bash", "arguments": "{}"}
OUT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
CUSTOM = {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "x"}
CUSTOM_OUT = {"type": "custom_tool_call_output", "call_id": "c2", "output": "ok"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": signature.sign("hm")}
UNKEPT = (
    "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false. Try again with `store` set "
    "to true, or remove this item from your input."
)
PARTS = (
    "'input_text', 'input_image', 'input_file', 'input_audio', 'output_text', 'refusal', 'computer_screenshot', "
    "'summary_text', and 'encrypted_content'"
)
MINE = "rs_" + "0123456789abcdef" + "0123456789"


def without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in names}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


REFUSED: list[tuple[list[Any], str, str | None, str | None]] = [
    (
        [],
        "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "empty_array",
        "input",
    ),
    # -- calls and outputs
    ([USER, CALL], "No tool output found for function call c1.", None, "input"),
    ([USER, CALL, USER], "No tool output found for function call c1.", None, "input"),
    ([USER, CUSTOM], "No tool output found for custom tool call c2.", None, "input"),
    ([USER, OUT], "No tool call found for function call output with call_id c1.", None, "input"),
    ([USER, OUT, CALL], "No tool call found for function call output with call_id c1.", None, "input"),
    ([USER, CUSTOM_OUT], "No tool call found for custom tool call output with call_id c2.", None, "input"),
    (
        [USER, CALL, {**CUSTOM_OUT, "call_id": "c1"}],
        "No tool call found for custom tool call output with call_id c1.",
        None,
        "input",
    ),
    (
        [USER, {**CALL, "call_id": "c" * 65}],
        (
            "Invalid 'input[1].call_id': string too long. Expected a string with maximum length 64, but got a string "
            "with length 65 instead."
        ),
        "string_above_max_length",
        "input[1].call_id",
    ),
    (
        [USER, {**CALL, "arguments": {}}],
        "Invalid type for 'input[1].arguments': expected a string, but got an object instead.",
        "invalid_type",
        "input[1].arguments",
    ),
    (
        [USER, {**CALL, "name": "a.b"}],
        (
            "Invalid 'input[1].name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'."
        ),
        "invalid_value",
        "input[1].name",
    ),
    *(
        (
            [USER, without(CALL, field)],
            f"Missing required parameter: 'input[1].{field}'.",
            "missing_required_parameter",
            f"input[1].{field}",
        )
        for field in ("call_id", "name", "arguments")
    ),
    (
        [USER, CALL, without(OUT, "output")],
        "Missing required parameter: 'input[2].output'.",
        "missing_required_parameter",
        "input[2].output",
    ),
    (
        [USER, CALL, {**OUT, "is_error": True}],
        "Unknown parameter: 'input[2].is_error'.",
        "unknown_parameter",
        "input[2].is_error",
    ),
    (
        [USER, CALL, {**OUT, "output": [{"type": "text", "text": "x"}]}],
        f"Invalid value: 'text'. Supported values are: {PARTS}.",
        "invalid_value",
        "input[2].output[0].type",
    ),
    (
        [USER, CALL, {**OUT, "output": {"a": 1}}],
        ("Invalid type for 'input[2].output': expected a string or an array of objects, but got an object instead."),
        "invalid_type",
        "input[2].output",
    ),
    # -- reasoning
    (
        [USER, THOUGHT, USER],
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        None,
        "input",
    ),
    (
        [USER, CALL, THOUGHT, OUT],
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        None,
        "input",
    ),
    (
        [USER, {**THOUGHT, "encrypted_content": "gAAAforeign=="}, SAID, USER],
        (
            "The encrypted content gAAA...gn== could not be verified. Reason: Encrypted content could not be decrypted "
            "or parsed."
        ),
        "invalid_encrypted_content",
        None,
    ),
    (
        [USER, without(THOUGHT, "summary"), SAID, USER],
        "Missing required parameter: 'input[1].summary'.",
        "missing_required_parameter",
        "input[1].summary",
    ),
    (
        [USER, {**THOUGHT, "summary": [{"type": "text", "text": "x"}]}, SAID, USER],
        "Invalid value: 'text'. Supported values are: 'summary_text'.",
        "invalid_value",
        "input[1].summary[0].type",
    ),
    # -- items and parts
    (
        [{"role": "tool", "content": "x"}],
        "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
        "invalid_value",
        "input[0]",
    ),
    (
        [{"role": "user"}],
        "Missing required parameter: 'input[0].content'.",
        "missing_required_parameter",
        "input[0].content",
    ),
    (
        [{**USER, "cache_control": {}}],
        "Unknown parameter: 'input[0].cache_control'.",
        "unknown_parameter",
        "input[0].cache_control",
    ),
    (
        [user({"type": "text", "text": "x"})],
        f"Invalid value: 'text'. Supported values are: {PARTS}.",
        "invalid_value",
        "input[0].content[0].type",
    ),
    (
        [user({"type": "output_text", "text": "x"})],
        "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_image', and 'input_file'.",
        "invalid_value",
        "input[0].content[0]",
    ),
    (
        [USER, {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}],
        "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        "invalid_value",
        "input[1].content[0]",
    ),
    (
        [user({"type": "input_text", "text": "x", "cache_control": {}})],
        "Unknown parameter: 'input[0].content[0].cache_control'.",
        "unknown_parameter",
        "input[0].content[0].cache_control",
    ),
    (
        [user({"type": "input_image", "image_url": {"url": "data:x"}})],
        "Invalid type for 'input[0].content[0].image_url': expected an image URL, but got an object instead.",
        "invalid_type",
        "input[0].content[0].image_url",
    ),
    (
        [user({"type": "input_image", "image_url": "image.jpg"})],
        "Invalid 'input[0].content[0].image_url'. Expected a valid URL, but got a value with an invalid format.",
        "invalid_value",
        "input[0].content[0].image_url",
    ),
    (
        [user({"type": "input_file", "file_data": "aGVsbG8=", "filename": "a.pdf"})],
        (
            "Invalid 'input[0].content[0].file_data'. Expected a base64-encoded data URL with an application/pdf MIME "
            "type (e.g. 'data:application/pdf;base64,aGVsbG8='), but got a value without the 'data:' prefix."
        ),
        "invalid_value",
        "input[0].content[0].file_data",
    ),
    (
        [user({"type": "input_file", "file_data": "data:application/pdf;base64,aGVsbG8="})],
        "Missing required parameter: 'input[0].content[0].filename'.",
        "missing_required_parameter",
        "input[0].content[0].filename",
    ),
    *(
        (
            [USER, {**item, "id": "item_1"}, *more],
            f"Invalid 'input[1].id': 'item_1'. Expected an ID that begins with '{prefix}'.",
            "invalid_value",
            "input[1].id",
        )
        for item, prefix, more in (
            (SAID, "msg", [USER]),
            (THOUGHT, "rs", [SAID, USER]),
            (CALL, "fc", [OUT]),
            (CUSTOM, "ctc", [CUSTOM_OUT]),
        )
    ),
]


@pytest.mark.parametrize(("items", "told", "code", "param"), REFUSED)
async def test_refused(items: list[Any], told: str, code: str | None, param: str | None) -> None:
    """What the API does not take is a 400 with the vendor's message, code and param."""
    heard = await Talk("responses").ask(items, store=False)
    assert heard.status == 400, heard.body
    assert heard.error == {"message": told, "type": "invalid_request_error", "param": param, "code": code}


async def test_an_unknown_item_is_told_all_that_are_known() -> None:
    """The refusal of another API's item lists this one's."""
    heard = await Talk("responses").ask([USER, {"type": "tool_result", "tool_use_id": "x"}])
    assert heard.error["message"].startswith("Invalid value: 'tool_result'. Supported values are: 'message', ")
    assert "'function_call_output'" in heard.error["message"]


@pytest.mark.parametrize(
    ("items", "store", "told"),
    [
        ([USER, without(THOUGHT, "encrypted_content"), SAID, USER], False, UNKEPT),
        ([USER, {**THOUGHT, "encrypted_content": None}, SAID, USER], False, UNKEPT),
        ([USER, {**THOUGHT, "id": MINE, "encrypted_content": None}, SAID, USER], False, UNKEPT.replace("rs_1", MINE)),
        ([USER, {"type": "item_reference", "id": "rs_1"}, USER], False, UNKEPT),
        ([USER, without(THOUGHT, "encrypted_content"), SAID, USER], True, "Item with id 'rs_1' not found."),
        ([USER, {"type": "item_reference", "id": "rs_1"}, USER], None, "Item with id 'rs_1' not found."),
    ],
)
async def test_ids_stand_for_nothing(items: list[Any], store: bool | None, told: str) -> None:
    """An item that only an id stands for is 404, with the advice where the request is not to be stored."""
    heard = await Talk("responses").ask(items, store=store)
    assert (heard.status, heard.error["message"], heard.error["param"]) == (404, told, "input")


TAKEN: list[list[Any]] = [
    [USER, CALL, OUT],
    [USER, THOUGHT, CALL, SAID, OUT, USER],
    [USER, THOUGHT, {**THOUGHT, "id": "rs_2"}, CALL, OUT],
    [USER, without(THOUGHT, "id"), SAID, USER],
    [USER, {**THOUGHT, "content": None, "status": "completed"}, SAID, USER],
    [USER, THOUGHT],
    [USER, {**THOUGHT, "id": MINE, "encrypted_content": None}, SAID, USER],
    [USER, CALL, {**CALL, "call_id": "c3"}, {**OUT, "call_id": "c3"}, OUT, USER],
    [USER, {**CALL, "id": "fc_1", "status": "completed", "namespace": "crm"}, {**OUT, "id": "fco_1"}],
    [
        USER,
        {**CUSTOM, "id": "ctc_1", "status": "completed"},
        {**CUSTOM_OUT, "output": [{"type": "input_text", "text": "x"}]},
    ],
    [
        {"role": "developer", "content": "x"},
        {**SAID, "id": "msg_1", "status": "completed", "phase": "commentary"},
        USER,
    ],
    [
        user(
            {"type": "input_image", "image_url": "https://h/x.png", "detail": "low"},
            {"type": "input_image", "file_id": "f"},
        )
    ],
    [user({"type": "input_file", "file_url": "https://h/x.pdf"}, {"type": "input_text", "text": "x"})],
    [USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, USER],
    [{"type": "configuration_update", "reasoning": {"effort": "low"}}, USER],
    [USER, {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}, SAID, USER],
]


@pytest.mark.parametrize("items", TAKEN)
async def test_taken(items: list[Any]) -> None:
    """What the API takes is taken."""
    heard = await Talk("responses").ask(items, tools=[BASH["responses"]])
    assert heard.status == 200, heard.body


async def test_what_the_model_said_is_taken_back() -> None:
    """Every item that the model makes is good input, as it is and as JSON of the vendor's own types dumps it."""
    talk = Talk("responses")
    tools = [BASH["responses"], {"type": "custom", "name": "patch"}, {"type": "web_search"}]
    script = "[[think a]] [[redacted]] [[say b]] [[block]] [[refuse c]] [[call web_search {}]] [[call Bash {}]]"
    script += "[[call-raw patch x]]"
    for model in ("gpt-6-sol", "simulated"):
        said = (await talk.ask(script, model=model, tools=tools)).json["output"]
        answers = [
            {"type": item["type"] + "_output", "call_id": item["call_id"], "output": "ok"}
            for item in said
            if "call_id" in item
        ]
        heard = await talk.ask([USER, *said, *answers], model=model, tools=tools, store=False)
        assert heard.status == 200, heard.body


def test_the_items_are_the_vendors() -> None:
    """Every item of the vendor's own package is known with all of its fields, and no other is."""
    known: set[str] = set()
    for member in get_args(ResponseInputItemParam):
        hint = member.__annotations__["type"].__forward_arg__.replace('"', "'")
        (kind,) = [name for name in responses_fields.ITEMS if f"'{name}'" in hint]
        fields = responses_fields.ITEMS[kind]
        assert fields is None or fields >= set(member.__annotations__), kind
        known.add(kind)
    assert known == set(responses_fields.ITEMS)
