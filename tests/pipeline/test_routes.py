"""Routes: what is answered without asking anybody else is what everybody would have said."""

import pytest

from pipeline.naming import dialects, load
from pipeline.routes import Routes
from pipeline.server import DOORS
from transports.messages import Nothing, Request

ROUTES = Routes(dialects())
PATHS = sorted({route.pattern.partition("{")[0] for each in dialects().values() for route in each.ROUTES})


def asked(method: str, target: str) -> Request:
    """A request without fields."""
    return Request(method, target, [], Nothing())


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [*PATHS, "/", "/health", "/metrics", "/admin/api/session", "/v1/nothing"])
def test_the_usual_is_what_is_found(method: str, path: str) -> None:
    """Whatever is usual means just this, with a query too, and is no older path of something else."""
    for target in (path, f"{path}?beta=true"):
        request = asked(method, target)
        usual = ROUTES.usual(request)
        assert usual is None or (usual == ROUTES.find(request) and load(DOORS)(request) is request)


def test_replies_are_usual() -> None:
    """Each dialect's own, and nothing that several of them have, or somebody else."""
    usual = {path for path in PATHS if ROUTES.usual(asked("POST", path))}
    assert {"/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/messages/count_tokens"} <= usual
    assert not any(ROUTES.usual(asked("GET", path)) for path in PATHS)
    assert not any(ROUTES.usual(asked("POST", path)) for path in ("/v1/models", "/", "/metrics", "/admin/api/login"))
