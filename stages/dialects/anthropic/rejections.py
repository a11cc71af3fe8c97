"""What an upstream would not take, as the one word by which a client of this API mends its request.

    "This model does not support image input"   ─▶   image_block   ─▶   "… (capability_rejected: image_block)"

Claude Code knows the vendor's sentences and acts on them: it leaves thoughts out, stops sending images, compacts.  An
upstream of another dialect says the same in words of its own, so that the client would try in vain; the gateway
contract has a stable word for each case.  A wrong word sets off the wrong repair, so that only a message that names
both the thing and the objection counts.  What is too long is told in the vendor's sentence (``errors``).
"""

import re

_OBJECTS = re.compile(
    r"not (?:\w+ )?support|n't support|unsupported|unrecogni[sz]ed|unknown|not (?:permitted|allowed|available)"
    r"|could ?n[o']t|cannot|unable|not a multimodal|invalid|must be|not be verified",
    re.IGNORECASE,
)

# In the order of the contract: where a message fits several, the first counts.
_THINGS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (word, re.compile(words, re.IGNORECASE))
    for word, words in (
        ("mid_conv_system", r"\bsystem (?:role|messages?)\b|role:? ['\"`]?system\b"),
        ("thinking_signature", r"encrypted[ _]content|thinking signature|signature in thinking"),
        ("structured_outputs_unsupported", r"response_format|text\.format|json_schema|structured outputs?"),
        ("effort_unsupported", r"reasoning[._ ]effort|\beffort\b"),
        ("image_block", r"\bimages?\b|image_url|input_image|multimodal"),
        ("document_block", r"\bpdfs?\b|\bdocuments?\b|input_file|file_data|\bfile (?:inputs?|parts?|contents?)\b"),
    )
)


def word_for(message: str) -> str:
    """The contract's word for what *message*, of a refused request, objects to; empty if it is none of those."""
    if _OBJECTS.search(message) is None:
        return ""
    return next((word for word, thing in _THINGS if thing.search(message)), "")
