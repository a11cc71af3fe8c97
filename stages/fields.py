"""Which header fields travel.  Open lists: what is not named here goes through, so that no client's release breaks.

client ──(request_fields)──▶ upstream          hop-by-hop and our own credential never;
client ◀──(reply_fields)──── upstream          of another dialect's fields only what both sides mean alike
"""

from pipeline.credentials.credential import Credential
from pipeline.exchange import Exchange
from pipeline.live import CONTEXT
from pipeline.upstream import Upstream
from stages.identity import conceals, identifying
from stages.notes import ADMITTED, WITHOUT
from transports.messages import Head, Headers, end_to_end

# What a client shows; goes on only where the upstream is told to take the client's own, and never the key of ours that
# it was let in with.
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"cookie"})

# What a client or a proxy shows somebody else still: never ours to pass on.
OTHERS = frozenset({b"cookie", b"cookie2", b"x-amz-security-token", b"x-csrf-token", b"x-xsrf-token"})

# How the request came here is nobody's business there (RFC 7239 and its forerunners).
WAY = frozenset({b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"x-client-ip", b"x-cluster-client-ip",
                 b"fly-client-ip", b"client-ip", b"x-remote-ip", b"x-remote-addr"})  # fmt: skip
WAYS = (b"x-forwarded-", b"cf-", b"x-envoy-", b"x-original-", b"x-auth-request-", b"cdn-")  # how such names begin

# The body is ours to code and to describe; the rest is said to us.
OURS = frozenset({b"accept-encoding", b"content-encoding", b"x-pipeline-fidelity"})

NEVER = WAY | OURS | OTHERS

# Features that a client asks for by name; each goes with a field of the body.
BETA = b"anthropic-beta"

# Fields of a request that mean the same to every upstream (W3C Trace Context).
TRACE = frozenset({b"traceparent", b"tracestate"})
COMMON = TRACE | {b"baggage"}

# What an upstream says to its own next hop, about its own site, or about the operator's account there.
SITE = frozenset({b"set-cookie", b"alt-svc", b"strict-transport-security", b"server", b"date", b"content-encoding",
                  b"report-to", b"nel", b"via", b"x-powered-by", b"www-authenticate", b"clear-site-data",
                  b"content-security-policy", b"access-control-allow-origin",
                  b"access-control-allow-credentials",
                  b"anthropic-organization-id", b"openai-organization", b"openai-project"})  # fmt: skip

# Fields of a reply that clients of every dialect act on.
ADVICE = frozenset({b"retry-after", b"retry-after-ms", b"x-should-retry", b"request-id", b"x-request-id"})

# By which clients name the conversation that a request belongs to, and which of its agents asks.
SESSION = (b"x-claude-code-session-id", b"x-session-id", b"session-id", b"session_id")
AGENT_ID = b"x-claude-code-agent-id"

ACCEPT = b"application/json, text/event-stream"
AGENT = (b"user-agent", b"pipeline-gateway")


def request_fields(exchange: Exchange, upstream: Upstream, credential: Credential | None = None) -> Headers:
    """The fields of the request to *upstream*: the client's, less what must not travel, with *credential*."""
    same = upstream.dialect.NAME == exchange.dialect.NAME
    fields = [
        (name, value)
        for name, value in end_to_end(exchange.request.headers)
        if (same or name in COMMON or name in CREDENTIALS)  # first: of another dialect's fields hardly any is left
        and name not in NEVER
        and not name.startswith(WAYS)
        and (name not in CREDENTIALS or (upstream.client_key and theirs(value, exchange.noted(ADMITTED))))
    ]
    if (context := exchange.noted(CONTEXT)) is not None:  # the client's, as it goes on from here
        fields = [field for field in fields if field[0] not in TRACE] + context
    if conceals(exchange, upstream):
        kept = [(name, value) for name, value in fields if not identifying(name)]
        fields = [AGENT, *kept] if same else kept
    without = exchange.noted(WITHOUT)
    fields = [field for field in (less(field, without) for field in fields) if field] if without else fields
    if upstream.program:
        fields += program_fields(exchange)
    if same:
        return fields_of_ours(upstream, fields, credential)
    return [*respelled(fields, upstream), *own_fields(upstream, credential)]


def respelled(fields: Headers, upstream: Upstream) -> Headers:
    """*fields* with the client's credential in the field that *upstream* looks at: each dialect has its own."""
    shown = sorted((name != b"x-api-key", value) for name, value in fields if name in CREDENTIALS)
    if not shown:
        return fields
    key = shown[0][1].rpartition(b" ")[2].decode("latin-1")
    return [*(field for field in fields if field[0] not in CREDENTIALS), *upstream.dialect.credentials(key)]


def theirs(credential: bytes, admitted: str | None) -> bool:
    """Whether *credential*, as it stands in a field, is not the key that the client was let in with here."""
    return admitted is None or credential.rpartition(b" ")[2] != admitted.encode("latin-1", "replace")


def less(field: tuple[bytes, bytes], without: frozenset[str]) -> tuple[bytes, bytes] | None:
    """*field* without the betas *without*; None if nothing is left of it."""
    name, value = field
    if name != BETA:
        return field
    kept = [beta for beta in map(bytes.strip, value.split(b",")) if beta.decode("latin-1") not in without]
    return (name, b",".join(kept)) if kept else None


def program_fields(exchange: Exchange) -> Headers:
    """What a program on this machine is told of who asks, so that it keeps conversations apart; goes no further."""
    told = [(b"x-pipeline-caller", exchange.caller.id if exchange.caller else "")]
    named = [exchange.request.header(name) or "" for name in SESSION]
    if any(named):
        told.append(
            (b"x-pipeline-session", "/".join([next(filter(None, named)), exchange.request.header(AGENT_ID) or ""]))
        )
    return [(name, value.encode("latin-1", "replace")) for name, value in told]


def own_fields(upstream: Upstream, credential: Credential | None = None) -> Headers:
    """The fields of a request that the gateway makes itself, under its own name."""
    return fields_of_ours(upstream, [AGENT, (b"content-type", b"application/json"), (b"accept", ACCEPT)], credential)


def fields_of_ours(upstream: Upstream, fields: Headers, credential: Credential | None) -> Headers:
    """*fields* with what the upstream's dialect demands, *credential* and the operator's own."""
    known = dict(fields)
    fields = fields + [(name, value) for name, value in upstream.dialect.defaults() if name not in known]
    if credential is not None:
        fields += credential_fields(upstream, credential)
    # Asked plainly: what is compressed can't be read as it passes.
    return [*fields, (b"accept-encoding", b"identity"), *upstream.headers]


def credential_fields(upstream: Upstream, credential: Credential) -> Headers:
    """The fields that show *credential*: a key as the dialect has it, a token as OAuth does (RFC 6750 §2.1)."""
    secret = credential.secret.reveal()
    if credential.kind == "oauth":
        return [(b"authorization", b"Bearer " + secret.encode("latin-1", "replace"))]
    return upstream.dialect.credentials(secret)


def answer_fields(headers: Headers) -> Headers:
    """The fields of an upstream's answer whose body is passed as it came, with what describes that body."""
    return [pair for pair in end_to_end(headers) if pair[0] not in SITE or pair[0] == b"content-encoding"]


def reply_fields(head: Head, *, same: bool) -> Headers:
    """The fields of an upstream's reply that the client gets; *same*: both speak one dialect."""
    passing = end_to_end(head.headers)
    if not same:
        return [field for field in passing if field[0] in ADVICE]
    return [field for field in passing if field[0] not in SITE and field[0] != b"content-type"]
