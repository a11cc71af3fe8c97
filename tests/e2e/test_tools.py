"""Common HTTP tools work against it: curl over every version, h2load, nghttp."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.e2e.running import Gateway, running

BODY = json.dumps(
    {"model": "claude-opus-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "[[say ok]]"}]}
)
FIELDS = ["-H", "anthropic-version: 2023-06-01", "-H", "x-api-key: any", "-H", "content-type: application/json"]


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def curl(url: str, *arguments: str) -> tuple[str, str]:
    """Body, and ``version status`` as curl saw them."""
    done = subprocess.run(
        [need("curl"), "-sS", "--max-time", "20", "-w", "\n%{http_version} %{http_code}", *arguments, url],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    body, _, told = done.stdout.rpartition("\n")
    return body, told


@pytest.mark.parametrize(("option", "told"), [("--http1.1", "1.1 200"), ("--http2-prior-knowledge", "2 200")])
def test_curl_in_clear(gateway: Gateway, option: str, told: str) -> None:
    """HTTP/1.1, and HTTP/2 by prior knowledge."""
    body, seen = curl(f"{gateway.url}/v1/messages", option, *FIELDS, "-d", BODY)
    assert seen == told
    assert (
        json.loads(body)["content"] == [{"type": "text", "text": "ok"}]
        or json.loads(body)["content"][0]["text"] == "ok"
    )


def test_curl_expects_and_is_told_to_continue(gateway: Gateway) -> None:
    """Expect: 100-continue with a body of 600 KB."""
    big = json.loads(BODY) | {"metadata": {"user_id": "x" * 100}, "system": "x " * 300_000}
    expect = ["-H", "expect: 100-continue", "-d", "@-"]
    done = subprocess.run(
        [need("curl"), "-sS", "-w", "\n%{http_code}", *FIELDS, *expect, f"{gateway.url}/v1/messages"],
        input=json.dumps(big),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.endswith("\n200"), done.stdout[:500]


@pytest.mark.parametrize(("option", "told"), [("--http1.1", "1.1 200"), ("--http2", "2 200")])
def test_curl_over_tls(tmp_path: Path, option: str, told: str) -> None:
    """ALPN decides."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    chain, key, ca = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    certificate.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(ca))
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(chain), append=number > 0)
    with running(tmp_path / "tls", server=f'tls = {{ certificate = "{chain}", key = "{key}" }}') as gateway:
        assert gateway.url.startswith("https://")
        url = f"https://127.0.0.1:{gateway.port}/v1/messages"
        body, seen = curl(url, option, "--cacert", str(ca), *FIELDS, "-d", BODY)
        assert seen == told
        assert "ok" in body


def test_h2load(gateway: Gateway) -> None:
    """Many streams over few connections: every one succeeds."""
    done = subprocess.run(
        [need("h2load"), "-n", "400", "-c", "4", "-m", "10", f"{gateway.url}/health"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "400 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout


def test_nghttp(gateway: Gateway, tmp_path: Path) -> None:
    """A posted stream over HTTP/2, frame by frame."""
    prompt = tmp_path / "prompt.json"
    prompt.write_text(json.dumps(json.loads(BODY) | {"stream": True}))
    fields = [word for field in ("anthropic-version: 2023-06-01", "x-api-key: any") for word in ("-H", field)]
    done = subprocess.run(
        [need("nghttp"), "-d", str(prompt), *fields, f"{gateway.url}/v1/messages"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "event: message_stop" in done.stdout
