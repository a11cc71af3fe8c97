"""What went wrong in the CLI: its words, the API's words and a status, told as what happened."""

import time
from typing import Any

import pytest

from pipeline.errors import (
    BudgetSpent,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    Overloaded,
    PaymentRequired,
    RateLimited,
    ServerError,
    UnknownModel,
    UpstreamFailed,
)
from stages.dialects.claude_cli.errors import LOGIN, Trouble


def told(word: str, text: str, status: int | None = None, **more: Any) -> GatewayError:
    """The error of a turn that ended with *text*."""
    trouble = Trouble()
    trouble.note({"error": word, **more})
    return trouble.told({"is_error": True, "subtype": "success", "result": text, "api_error_status": status})


@pytest.mark.parametrize(
    ("word", "text", "status", "kind"),
    [
        ("rate_limit", "API Error: Request rejected (429) · Slow down.", 429, RateLimited),
        ("rate_limit", "You've hit your limit · resets 5pm", None, RateLimited),
        ("overloaded", "API Error: 529 Overloaded.", 529, Overloaded),
        ("overloaded", "Overloaded", None, Overloaded),
        ("server_error", "API Error: 500 Internal server error.", 500, ServerError),
        ("server_error", "API Error: Connection to the API was lost (ECONNRESET).", None, ServerError),
        ("invalid_request", "Prompt is too long · ~1000001 tokens", 400, ContextTooLong),
        ("invalid_request", "Prompt is too long", None, ContextTooLong),
        ("invalid_request", "something else", None, InvalidRequest),
        ("unknown", "API Error: 400 thinking: not this", 400, InvalidRequest),
        ("billing_error", "Credit balance is too low", None, PaymentRequired),
        ("model_not_found", "There's an issue with the selected model", None, UnknownModel),
        ("unknown", "API Error: something new", None, UpstreamFailed),
        ("", "no word at all", None, UpstreamFailed),
    ],
)
def test_each_failure_has_its_class(word: str, text: str, status: int | None, kind: type[GatewayError]) -> None:
    """By the status where there is one, else by the CLI's word."""
    assert type(told(word, text, status)) is kind


def test_the_clis_own_prefix_is_no_part_of_the_message() -> None:
    """Clients look for the API's wording."""
    assert told("unknown", "API Error: 400 thinking: not this", 400).message == "thinking: not this"
    assert told("rate_limit", "API Error: Request rejected (429) · Slow down.", 429).message == "Slow down."
    assert type(told("unknown", "API Error: 529 Busy.")) is Overloaded


@pytest.mark.parametrize("word", ["authentication_failed", "oauth_org_not_allowed", "account_on_hold"])
def test_its_login_is_no_fault_of_the_callers(word: str) -> None:
    """It is told what to do, as a failure that the next upstream may make good; the caller's key is not refused."""
    error = told(word, "Not logged in · Please run /login")
    assert type(error) is UpstreamFailed
    assert error.retryable
    assert error.message.startswith(LOGIN)
    assert type(told("", "Invalid API key · Please run /login")) is UpstreamFailed
    assert type(told("unknown", "API Error: 401 no", 401)) is UpstreamFailed


def test_a_limit_says_when_it_ends() -> None:
    """Told by an event before, or in the text by older versions."""
    trouble = Trouble()
    trouble.note_limit({"rate_limit_info": {"status": "allowed_warning", "resetsAt": 1}})
    assert trouble.resets is None
    trouble.note_limit({"rate_limit_info": {"status": "rejected", "resetsAt": int(time.time()) + 600}})
    trouble.note({"error": "rate_limit"})
    error = trouble.told({"is_error": True, "result": "You've hit your limit"})
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert 590 < error.retry_after <= 600
    assert error.retryable
    old = told("", f"Claude AI usage limit reached|{int(time.time()) + 60}")
    assert isinstance(old, RateLimited)
    assert old.retry_after is not None
    assert 50 < old.retry_after <= 60


def test_a_limit_that_has_ended_is_retried_soon() -> None:
    """Never at once, never in the past."""
    old = told("", "usage limit reached|1000000000")
    assert isinstance(old, RateLimited)
    assert old.retry_after == 1


def test_money_that_is_gone_is_not_a_rate() -> None:
    """The API's code tells them apart; so does the CLI's own budget."""
    words = {"api_error_type": "rate_limit_error", "api_error_code": "enforced_spend_limit_reached"}
    spent = told("rate_limit", "spent", 429, **words)
    assert type(spent) is BudgetSpent
    assert type(Trouble().told({"subtype": "error_max_budget_usd", "errors": ["spent"]})) is BudgetSpent


@pytest.mark.parametrize("result", [{}, {"errors": []}, {"errors": "x"}, {"result": ""}])
def test_a_failure_without_a_reason(result: dict[str, Any]) -> None:
    """It is still one."""
    assert Trouble().told(result).message == "the CLI failed: no reason was told"
    assert Trouble().told({"errors": ["one", "two"]}).message == "the CLI failed: one; two"
