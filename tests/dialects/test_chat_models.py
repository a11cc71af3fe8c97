"""Lists of models: OpenAI's, and what servers make of it."""

import json

import pytest
from openai.types import Model as Listed

from pipeline.dialect import Model
from pipeline.errors import UpstreamFailed
from stages.dialects.chat import decode_models, encode_model, encode_models


def test_a_list_is_valid() -> None:
    """The package takes each entry strictly; what is known beyond it is told beside."""
    body = json.loads(encode_models([Model("a", created=5, owner="o", context=9, output=3), Model("b")], "limit=1"))
    assert body["object"] == "list"
    for entry in body["data"]:
        Listed.model_validate(entry, strict=True)
    assert body["data"][0] == {"id": "a", "object": "model", "created": 5, "owned_by": "o", "context_window": 9,
                               "max_output_tokens": 3}  # fmt: skip
    assert body["data"][1].keys() == {"id", "object", "created", "owned_by"}
    assert json.loads(encode_model(Model("a")))["id"] == "a"


def test_servers_tell_more() -> None:
    """Under whatever name."""
    openrouter = {
        "id": "x/y",
        "name": "Y",
        "created": 7,
        "context_length": 100,
        "top_provider": {"max_completion_tokens": 20},
    }
    vllm = {"id": "q", "object": "model", "owned_by": "vllm", "max_model_len": 50}
    one, other = decode_models(json.dumps({"object": "list", "data": [openrouter, vllm, {"object": "x"}, 5]}).encode())
    assert one == Model("x/y", "Y", 7, "", 100, 20, dialect="chat")
    assert (other.context, other.owner) == (50, "vllm")


def test_what_an_upstream_told_stays() -> None:
    """Fields of this dialect are passed on, under the name the model has here."""
    (model,) = decode_models(b'{"data":[{"id":"x","pricing":{"prompt":"1"},"created":null}]}')
    assert json.loads(encode_model(model))["pricing"] == {"prompt": "1"}
    foreign = Model("a", raw={"type": "model"}, dialect="anthropic")
    assert "type" not in json.loads(encode_model(foreign))


def test_lists_without_an_envelope() -> None:
    """Some servers send the array alone, some call it models."""
    assert [model.id for model in decode_models(b'[{"id":"a"}]')] == ["a"]
    assert [model.id for model in decode_models(b'{"models":[{"id":"a"}]}')] == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"x"', b'{"data":5}', b"\xff"])
def test_what_is_no_list(body: bytes) -> None:
    """It is the upstream's failure."""
    with pytest.raises(UpstreamFailed):
        decode_models(body)
