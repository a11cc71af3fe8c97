"""Redaction: a credential that an upstream repeats in its error is taken out before anyone reads it.

    {"message": "Incorrect API key: sk-abcd****wxyz"}  ──▶  {"message": "Incorrect API key: [redacted]"}

Vendors tell the key, or its ends, to whoever sent it; here that is the gateway, and the caller is somebody else.  What
was shown is taken out wherever it stands; so is whatever has the form of a key or token, masked ones included.  A body
in which there is nothing of the kind is passed on as it came.
"""

import re
import zlib

from pipeline.errors import GatewayError, UpstreamRefused
from transports.messages import Headers, find

REDACTED = b"[redacted]"
INFLATED = 4 * 1024 * 1024  # what a compressed error may become

_SECRETS = re.compile(
    rb"(?<![A-Za-z0-9_-])(?:"
    rb"sk[-_][A-Za-z0-9_.*\xe2\x80\xa6-]{8,}"
    rb"|(?:gsk|xai|nvapi|pplx|hf|r8)[-_][A-Za-z0-9_*-]{20,}"
    rb"|AIza[A-Za-z0-9_*-]{20,}"
    rb"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"  # a JSON Web Token
    rb"|[Bb]earer +(?=[A-Za-z._~+/-]*[0-9*])[A-Za-z0-9._~+/*-]{8,}=*"
    rb")"
)


# Whatever names itself: vendors give their secrets a beginning that can be found.  Each runs in linear time.
FORMS = {
    "API key": r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{20,}|\bAIza[0-9A-Za-z_-]{35}\b|\bxai-[A-Za-z0-9]{40,}",
    "access token": r"\bgh[pousr]_[A-Za-z0-9]{36,}|\bglpat-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "cloud key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "web token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "private key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,]{0,8192}"
    r"-----END [A-Z ]{0,30}PRIVATE KEY-----",
}
_FORMS = re.compile("|".join(f"(?:{form})" for form in FORMS.values()).encode())


def scrubbed(data: bytes) -> bytes:
    """*data* without anything that has the form of a secret of any kind: for what is kept for people to look at."""
    return _FORMS.sub(REDACTED, redacted(data))


def redacted(data: bytes, shown: str = "") -> bytes:
    """*data* without the credential that was *shown*, and without anything that has the form of one."""
    if len(shown) >= 4:
        data = data.replace(shown.encode("utf-8", "replace"), REDACTED)
    return _SECRETS.sub(REDACTED, data)


def redact(error: GatewayError, shown: str = "") -> bool:
    """Take credentials out of *error*, of what it means, and of what is kept to be passed on; whether there was any."""
    found = reword(error, shown)
    if isinstance(error, UpstreamRefused):
        found = reword(error.means, shown) or found
        before = error.fields, error.body
        error.fields, error.body = redacted_body(error.fields, error.body, shown)
        error.fields = [(name, redacted(value, shown)) for name, value in error.fields]
        found = found or before != (error.fields, error.body)
    return found


def reword(error: GatewayError, shown: str) -> bool:
    """Put *error*'s message without credentials; whether there was any."""
    message = redacted(error.message.encode("utf-8", "surrogatepass"), shown).decode("utf-8", "surrogatepass")
    if message != error.message:
        error.message, error.args = message, (message,)
        return True
    return False


def redacted_body(fields: Headers, body: bytes, shown: str) -> tuple[Headers, bytes]:
    """*fields* and *body* without credentials; one that was compressed and holds some goes on plain."""
    coding = (find(fields, b"content-encoding") or "identity").strip().lower()
    plain = body if coding == "identity" else inflated(body)
    clean = redacted(plain, shown)
    if clean == plain:
        return fields, body
    return [(name, value) for name, value in fields if name not in (b"content-encoding", b"content-length")], clean


def inflated(body: bytes) -> bytes:
    """*body* without gzip or zlib around it; nothing, if it is something else."""
    try:
        return zlib.decompressobj(47).decompress(body, INFLATED)  # 47: a header of gzip or of zlib, whichever is there
    except zlib.error:
        return b""
