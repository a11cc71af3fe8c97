"""What another dialect's upstream would not take is told in the word that makes the client mend its request."""

import msgspec
import pytest

from pipeline.errors import ContextTooLong, InvalidRequest, RateLimited, Unsupported, UpstreamRefused
from stages.dialects import anthropic
from stages.dialects.anthropic.rejections import word_for

SAID = {
    "This model does not support image input.": "image_block",
    "Invalid image data: could not process 'image_url'": "image_block",
    "at most 0 image(s) may be provided; some-model is not a multimodal model": "image_block",
    "Invalid content type. 'input_file' is not supported by this model": "document_block",
    "model does not support PDFs": "document_block",
    "Unsupported parameter: 'reasoning_effort' is not supported with this model.": "effort_unsupported",
    "Unsupported value: 'reasoning.effort' does not support 'xhigh' with this model": "effort_unsupported",
    "'response_format' of type 'json_schema' is not supported": "structured_outputs_unsupported",
    "System message must be at the beginning.": "mid_conv_system",
    "The encrypted content gAAA… could not be verified.": "thinking_signature",
    # the thing without an objection, an objection to something else, neither
    "An image of a cat was drawn": "",
    "Unknown parameter: 'store'.": "",
    "Rate limit reached": "",
    "the file you asked for is not available": "",
}


@pytest.mark.parametrize(("message", "word"), SAID.items())
def test_a_word_is_told_only_for_what_is_named_and_objected_to(message: str, word: str) -> None:
    """A wrong one would set off the wrong repair."""
    assert word_for(message) == word


def told(error: InvalidRequest | RateLimited) -> str:
    """The message that a client gets, when an upstream of another dialect meant *error*."""
    refused = UpstreamRefused(error.message, dialect="chat", means=error, code=400, fields=[], body=b"{}")
    _, body = anthropic.encode_error(refused, "req_1")
    message = msgspec.json.decode(body)["error"]["message"]
    assert isinstance(message, str)
    return message


def test_the_upstreams_own_words_stay_and_the_token_comes_behind() -> None:
    """Clients look for the token anywhere in the message, ended by what can't be part of one."""
    said = "This model does not support image input."
    assert told(InvalidRequest(said)) == f"{said} (capability_rejected: image_block)"


def test_other_errors_carry_none() -> None:
    """What says all in its own class, and what a translation has named itself."""
    assert told(RateLimited("images are not supported at this rate")) == "images are not supported at this rate"
    assert told(ContextTooLong("maximum context length of images is unknown")).startswith("prompt is too long: maximum")
    assert told(Unsupported("no image here: unsupported", token="own")).endswith("(capability_rejected: own)")
