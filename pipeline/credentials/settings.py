"""What can be configured of OAuth: the table ``[upstreams.NAME.oauth]``."""

from typing import Annotated, Literal

import attrs

from pipeline.secret import Secret
from pipeline.structure import Check
from transports.upstream import Origin


def _endpoint(value: str) -> None:
    origin = Origin.parse(value)
    if origin.scheme != "https" and origin.host not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("expected https://…: tokens do not travel in the clear (RFC 6749 §3.1, §3.2)")
    if "#" in value:
        raise ValueError("an endpoint has no fragment (RFC 6749 §3.1, §3.2)")


def _said(value: str) -> None:
    if not value.strip():
        raise ValueError("expected a text that is not empty")


Endpoint = Annotated[str, Check(_endpoint)]


@attrs.frozen(kw_only=True)
class OAuth:
    """A client of the operator's own at an authorization server: authorization code with PKCE (RFC 6749, RFC 7636)."""

    authorize: Endpoint  # where a person is sent to agree
    token: Endpoint  # where the code, and later the refresh token, becomes an access token
    client_id: Annotated[str, Check(_said)]
    client_secret: Secret | None = None  # of a confidential client
    secret_in: Literal["basic", "body"] = "basic"  # noqa: S105  # how it is shown (RFC 6749 §2.3.1), not the secret
    scopes: tuple[str, ...] = ()
    redirect: Annotated[str, Check(_said)]  # as registered with the server; its page may show "code#state" to copy
    parameters: dict[str, str] = attrs.field(factory=dict)  # more of the authorization request: audience, prompt
    token_parameters: dict[str, str] = attrs.field(factory=dict)  # more of each token request: resource, audience
