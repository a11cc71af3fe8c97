"""An authorization server for whole programs: the strict one of the unit tests, behind sockets and threads.

GET /authorize?… ─▶ agrees at once, and sends the browser back with code and state       POST /token ─▶ tokens
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode

from tests.pipeline.credentials.authority import Authority

REDIRECT = "https://gateway.example.com/connected"


@contextmanager
def consenting() -> Iterator[Authority]:
    """One that listens, until the block is left."""
    authority = Authority()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, state = authority.agree(self.path)
            self.send_response(302)
            self.send_header("location", f"{REDIRECT}?{urlencode({'code': code, 'state': state})}")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            authority.asked.append(form)
            status, told = authority.answer(form)
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        authority.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()


def client(authority: Authority) -> str:
    """The settings of a client of *authority*, for the table of an upstream."""
    return f"""
authorize = "{authority.url}/authorize"
token = "{authority.url}/token"
client_id = "a client of our own"
redirect = "{REDIRECT}"
scopes = ["models"]
"""
