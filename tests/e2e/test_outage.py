"""A database that goes away and comes back, under a gateway that streams."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.running import Gateway, running
from tests.e2e.test_admin import SHARED, ask, send, within
from tests.pipeline.admin.office import Answer
from tests.postgres import NEEDED, cluster

AWAY = 9.0  # seconds; by then the pool's own tries are many seconds apart
STREAM = "[[rate 20]] [[tokens 300]]"


def asked(gateway: Gateway, secret: str, text: str = "[[say hi]]", *, stream: bool = False) -> Answer:
    """The answer to a client that has *secret*."""
    messages = [{"role": "user", "content": text}]
    body = {"model": "claude-opus-4-5", "max_tokens": 2000, "stream": stream, "messages": messages}
    return send(gateway, "POST", "/v1/messages", json.dumps(body).encode(), x_api_key=secret)


def made(gateway: Gateway, name: str, *limits: dict[str, object]) -> str:
    """The secret of a new key."""
    return str(ask(gateway, "POST", "/keys", {"name": name, "limits": list(limits)}).json["secret"])


def booked(gateway: Gateway) -> set[str]:
    """The requests that the database knows."""
    return {each["id"] for each in ask(gateway, "GET", "/requests").json["requests"]}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_database_that_comes_back_has_lost_nothing(tmp_path: Path) -> None:
    """Streams go on, and so does who has no limits; who has one hears a typed 503 until it is back, and no longer."""
    with cluster() as postgres, ThreadPoolExecutor() as threads:
        if postgres is None:
            pytest.skip(NEEDED)
        with running(tmp_path, more=SHARED.format(url=postgres.database())) as gateway:
            free = made(gateway, "free")
            paid = made(gateway, "paid", {"kind": "usd_total", "models": "*", "limit": 10**6})
            streams = [threads.submit(asked, gateway, secret, STREAM, stream=True) for secret in (free, paid)]
            time.sleep(1)
            postgres.stop()
            until = time.monotonic() + AWAY
            assert asked(gateway, free).status == 200
            refused = asked(gateway, paid)
            assert (refused.status, refused.json["error"]["type"]) == (503, "api_error")
            assert "retry-after" in refused.headers
            time.sleep(max(0.0, until - time.monotonic()))
            postgres.start()
            assert within(4, lambda: asked(gateway, paid).status == 200)
            for stream in streams:
                answer = stream.result()
                assert (answer.status, answer.body.count(b"event: message_stop")) == (200, 1)
            assert within(10, lambda: booked(gateway) >= {record["id"] for record in gateway.records()})
            assert "error connecting" not in gateway.output.read_text()
