"""What can go wrong: one hierarchy, no wire format.

A class names *what happened*; how it is said is each dialect's own table.  Errors travel as data (``Failed``) and are
raised only on the way up or within one task.  A message is for the caller: no secret, no traceback, no path of ours.
"""

from typing import ClassVar, TypeVarTuple

from transports.messages import Headers

Words = TypeVarTuple("Words")


class GatewayError(Exception):
    """Something a caller is told.

    *status* is the HTTP status where none was sent yet; *retryable* says whether another upstream may be tried;
    *headers* go on the answer; *param* names the field of the request that is at fault.
    """

    status: ClassVar[int] = 500
    retryable: bool = False

    def __init__(self, message: str, *, headers: Headers | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or []
        self.param = param


class InvalidRequest(GatewayError):
    """The request is not what its protocol says."""

    status = 400


class Unsupported(InvalidRequest):
    """The target's dialect has nothing equivalent.  *token* is the stable word some clients look for."""

    def __init__(self, message: str, *, token: str | None = None, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.token = token


class ContextTooLong(InvalidRequest):
    """The prompt does not fit the model's window."""


class ContentRefused(InvalidRequest):
    """A content policy stopped the request before anything was generated."""


class TooLarge(GatewayError):
    """The body is over the limit."""

    status = 413


class UnreadCoding(InvalidRequest):
    """The body is in a content coding that is not read here (RFC 9110 §15.5.16)."""

    status = 415


class FieldsTooLarge(InvalidRequest):
    """What follows the body is over the limit (RFC 6585 §5)."""

    status = 431


class TooSlow(GatewayError):
    """The body came too slowly to be waited for; clients may send it again (RFC 9110 §15.5.9)."""

    status = 408


class Unauthenticated(GatewayError):
    """No credential, or none that is known.  Permanent: says so to clients that would retry."""

    status = 401

    def __init__(self, message: str = "invalid API key") -> None:
        super().__init__(message, headers=[(b"x-should-retry", b"false")])


class Forbidden(GatewayError):
    """Known, and not allowed to."""

    status = 403


class NotFound(GatewayError):
    """No such thing here."""

    status = 404


class UnknownModel(NotFound):
    """No upstream has this model, or the caller may not see it."""


class MethodNotAllowed(GatewayError):
    """The path exists, for other methods."""

    status = 405


class Conflict(GatewayError):
    """The request contradicts the state of what it names."""

    status = 409


class UpgradeRequired(GatewayError):
    """This path would need a protocol we do not speak; clients fall back."""

    status = 426


class RateLimited(GatewayError):
    """Too much in too short a time.  *retry_after* in seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        headers: Headers = [] if retry_after is None else [(b"retry-after", b"%d" % max(1, round(retry_after)))]
        super().__init__(message, headers=headers)
        self.retry_after = retry_after
        self.retryable = True


class BudgetSpent(GatewayError):
    """The money or quota is gone; trying again at once is pointless."""

    status = 429

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        headers: Headers = [(b"x-should-retry", b"false")]
        if retry_after is not None:
            headers.append((b"retry-after", b"%d" % max(1, round(retry_after))))
        super().__init__(message, headers=headers)
        self.retry_after = retry_after


class PaymentRequired(GatewayError):
    """The upstream wants to be paid first."""

    status = 402


class Overloaded(GatewayError):
    """Too many are asking; later it may work."""

    status = 529
    retryable = True


class StoreUnavailable(GatewayError):
    """Keys, limits or books can't be reached: nobody can tell whether the request may pass.  Later it may work."""

    status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=[(b"retry-after", b"1")])


class UpstreamFailed(GatewayError):
    """The upstream could not be reached, or what it said makes no sense."""

    status = 502
    retryable = True


class UpstreamTimeout(GatewayError):
    """The upstream did not connect, begin or go on in time."""

    status = 504
    retryable = True


class UpstreamTruncated(GatewayError):
    """The upstream stopped in the middle of its answer."""

    status = 502
    retryable = True


class ServerError(GatewayError):
    """The upstream says that it failed inside."""

    status = 500
    retryable = True


class UpstreamRefused(GatewayError):
    """The upstream answered with an error of its own.

    In its own dialect it is passed on as it came: *code* (the status), *fields* and *body* (raw bytes, whatever their
    content coding).  In another dialect it is told anew as *means*, the class of ours that says the same.
    """

    def __init__(
        self, message: str, *, dialect: str, means: GatewayError, code: int, fields: Headers, body: bytes
    ) -> None:
        super().__init__(message, headers=means.headers)
        self.dialect = dialect
        self.means = means
        self.code = code
        self.fields = fields
        self.body = body
        self.retryable = means.retryable


class InternalError(GatewayError):
    """A bug of ours.  The cause is logged with the exchange's id, never told."""

    status = 500

    def __init__(self, message: str = "internal error") -> None:
        super().__init__(message)


def meant(error: GatewayError) -> GatewayError:
    """*error*; of a refusal, what the upstream meant."""
    return error.means if isinstance(error, UpstreamRefused) else error


def as_error(raised: BaseException) -> GatewayError:
    """The GatewayError in *raised*, also inside groups; or, if it is a bug, an InternalError that carries it."""
    if isinstance(raised, GatewayError):
        return raised
    if isinstance(raised, BaseExceptionGroup):
        for inner in raised.exceptions:
            if not isinstance(found := as_error(inner), InternalError):
                return found
    error = InternalError()
    error.__cause__ = raised
    return error


def row(error: GatewayError, table: dict[type[GatewayError], tuple[int, *Words]]) -> tuple[int, *Words]:
    """Status and words of *error*'s nearest class in a dialect's *table*; others may have a status of their own."""
    kind = next(kind for kind in type(error).__mro__ if kind in table)
    found = table[kind]
    return (found[0] if error.status == kind.status else error.status, *found[1:])
