"""Whether an upstream is the vendor's own server, or another that speaks its protocol.

Few things depend on it: what only the vendor understands stays for it, what only the vendor would refuse is taken out
for it.  The host tells; who stands in between (a company's proxy) is taken for another, unless configured otherwise.
"""

from functools import lru_cache

from pipeline.upstream import Upstream

HOSTS = {"anthropic": ("anthropic.com",), "chat": ("openai.com",), "responses": ("openai.com",)}  # by dialect


def genuine(upstream: Upstream) -> bool:
    """Whether *upstream* is run by those whose protocol it speaks."""
    return within(upstream.origin.host, HOSTS.get(upstream.dialect.NAME, ()))


@lru_cache(maxsize=256)  # upstreams are few, and each request asks
def within(host: str, homes: tuple[str, ...]) -> bool:
    """Whether *host* is one of *homes*, or a subdomain of one."""
    return any(host == home or host.endswith(f".{home}") for home in homes)
