"""What went wrong in the CLI, told as what happened.

    {"type":"assistant","error":"rate_limit","api_error_type":"rate_limit_error", …}    the CLI's word, and the API's
    {"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795…}}  when a limit ends
    {"type":"result","is_error":true,"api_error_status":429,"result":"API Error: …"}    the status, and the sentence
                                    │
                                    ▼
    RateLimited(retry_after=…)

The CLI reports every failure as an answer with exit status 0 or 1, its words in place of the model's: they must never
pass for a reply.  What is wrong with its login is no fault of the caller's, who can mend nothing: that is told as a
failure of the upstream, which the next one may make good.
"""

import re
import time
from typing import Any

import attrs

from pipeline.errors import (
    BudgetSpent,
    GatewayError,
    InvalidRequest,
    Overloaded,
    PaymentRequired,
    RateLimited,
    ServerError,
    UnknownModel,
    UpstreamFailed,
)
from stages.dialects.anthropic.errors import meaning

Fields = dict[str, Any]

LOGIN = "the CLI is not logged in: run `claude auth login` as the user that runs the gateway"
_LOGGED_OUT = frozenset({"authentication_failed", "oauth_org_not_allowed", "account_on_hold", "verification_required",
                         "cloud_credential_error"})  # fmt: skip
_LOGIN_WORDS = re.compile(
    r"not logged in|please run /login|invalid api key|oauth token (has expired|revoked)", re.IGNORECASE
)
_PREFIX = re.compile(r"API Error: (?:Request rejected \(\d+\) · |(?:Error: )?(?P<status>\d{3}) )?")
_UNTIL = re.compile(r"\|(\d{10})\b")  # how older versions tell when a limit ends: "… limit reached|1795000000"

_BY_WORD: dict[str, type[GatewayError]] = {
    "billing_error": PaymentRequired,
    "invalid_request": InvalidRequest,
    "model_not_found": UnknownModel,
    "overloaded": Overloaded,
    "server_error": ServerError,
}


@attrs.define
class Trouble:
    """What the lines before the last one told of a failure."""

    word: str = ""  # the CLI's own: rate_limit, authentication_failed …
    kind: str = ""  # the API's: rate_limit_error …
    code: str = ""  # a further word of the API's
    resets: float | None = None  # seconds since 1970

    def note(self, line: Fields) -> None:
        """Take in a line in which the CLI speaks in the model's place."""
        self.word, self.kind = str(line.get("error") or ""), str(line.get("api_error_type") or "")
        self.code = str(line.get("api_error_code") or "")

    def note_limit(self, line: Fields) -> None:
        """Take in a line about a limit; one that is only near does not matter."""
        told = line.get("rate_limit_info")
        if isinstance(told, dict) and told.get("status") == "rejected" and isinstance(told.get("resetsAt"), int):
            self.resets = told["resetsAt"]

    def told(self, result: Fields) -> GatewayError:
        """The error that *result*, the last line, tells."""
        text, status = sentence(result), result.get("api_error_status")
        found = _PREFIX.match(text)
        if found and not isinstance(status, int) and found["status"]:
            status = int(found["status"])
        text = text[found.end() :] if found else text
        if self.word in _LOGGED_OUT or status == 401 or _LOGIN_WORDS.search(text):
            return UpstreamFailed(f"{LOGIN} (it says: {text})")
        if result.get("subtype") == "error_max_budget_usd":
            return BudgetSpent(text)
        return self._meaning(text, status)

    def _meaning(self, text: str, status: Any) -> GatewayError:
        if isinstance(status, int):
            details = {"type": self.kind, "details": {"error_code": self.code}} if self.kind else {}
            error = meaning(status, details, text, [])
        elif self.word == "rate_limit" or _UNTIL.search(text):
            error = RateLimited(text)
        elif self.word in _BY_WORD:
            error = meaning(400, {}, text, []) if self.word == "invalid_request" else _BY_WORD[self.word](text)
        else:
            error = UpstreamFailed(f"the CLI failed: {text}")
        return self._until(error, text) if type(error) is RateLimited else error

    def _until(self, error: RateLimited, text: str) -> RateLimited:
        """*error* with the time that its limit still holds, where that is known."""
        found = _UNTIL.search(text)
        resets = float(found[1]) if found else self.resets
        if resets is None:
            return error
        return RateLimited(error.message, retry_after=max(resets - time.time(), 1))


def sentence(result: Fields) -> str:
    """What the last line says for people."""
    said, errors = result.get("result"), result.get("errors")
    if isinstance(said, str) and said:
        return said
    return "; ".join(map(str, errors)) if isinstance(errors, list) and errors else "no reason was told"
