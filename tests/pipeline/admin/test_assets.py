"""The page's files."""

import gzip
from pathlib import Path

import brotli
import pytest

from pipeline.admin.assets import POLICY, Assets
from tests.doubles import Bytes
from transports.messages import Request

SCRIPT = b"console.log('hello');\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a build leaves behind, and a file beside it."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_bytes(b"<!doctype html>")
    (static / "assets" / "index-B4x2Zq81.js").write_bytes(SCRIPT)
    (static / "favicon.svg").write_bytes(b"<svg/>")
    (static / "assets" / ".vite").mkdir()
    for hidden in (".built", "assets/.vite/manifest.json"):
        (static / hidden).write_bytes(b"{}")
    (tmp_path / "secret.txt").write_text("no")
    return static


def asked(**fields: str) -> Request:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Request("GET", "/admin/", headers, Bytes(b""))


async def told(assets: Assets, name: str, **fields: str) -> tuple[int, dict[str, str], bytes]:
    answer = await assets.answer(asked(**fields), name)
    assert answer is not None
    head, body = answer
    return head.status, {key.decode(): value.decode() for key, value in head.headers}, body


async def test_a_file_with_a_hash_in_its_name_is_kept_for_ever(folder: Path) -> None:
    """The page itself is asked for each time."""
    _, headers, _ = await told(Assets(folder), "assets/index-B4x2Zq81.js")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    _, headers, body = await told(Assets(folder), "index.html")
    assert (headers["cache-control"], body) == ("no-cache", b"<!doctype html>")


async def test_large_files_are_sent_packed(folder: Path) -> None:
    """As the browser takes it; small ones as they are."""
    assets = Assets(folder)
    _, headers, body = await told(assets, "assets/index-B4x2Zq81.js", accept_encoding="gzip, deflate, br")
    assert (headers["content-encoding"], brotli.decompress(body)) == ("br", SCRIPT)
    _, headers, body = await told(assets, "assets/index-B4x2Zq81.js", accept_encoding="br;q=0, gzip")
    assert (headers["content-encoding"], gzip.decompress(body)) == ("gzip", SCRIPT)
    _, headers, body = await told(assets, "assets/index-B4x2Zq81.js", accept_encoding="identity")
    assert ("content-encoding" in headers, body) == (False, SCRIPT)
    _, headers, _ = await told(assets, "favicon.svg", accept_encoding="br")
    assert "content-encoding" not in headers


async def test_what_a_browser_has_is_not_sent_again(folder: Path) -> None:
    """By its entity tag."""
    _, headers, _ = await told(Assets(folder), "index.html")
    status, _, body = await told(Assets(folder), "index.html", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    "name", ["../secret.txt", "assets/../index.html", "/etc/passwd", "assets", "", "a\0b", "index.html/"]
)
async def test_a_path_is_looked_up_and_never_joined(folder: Path, name: str) -> None:
    """What is not in the table is not there, however it is spelled."""
    assert await Assets(folder).answer(asked(), name) is None


@pytest.mark.parametrize("name", [".built", "assets/.vite/manifest.json"])
async def test_what_a_build_keeps_for_itself_is_not_shown(folder: Path, name: str) -> None:
    """Neither a file whose name begins with a dot, nor what is in such a folder."""
    assert (folder / name).is_file()
    assert await Assets(folder).answer(asked(), name) is None


async def test_the_page_may_load_its_own_files_and_nothing_else(folder: Path) -> None:
    """No inline script, no frame, no other origin."""
    _, headers, _ = await told(Assets(folder), "index.html")
    assert headers["content-security-policy"] == POLICY
    directives = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))
    assert (directives["default-src"], directives["script-src"]) == ("'none'", "'self'")
    assert (directives["frame-ancestors"], directives["base-uri"]) == ("'none'", "'none'")
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


async def test_a_tree_that_was_not_built_says_so(tmp_path: Path) -> None:
    """With what to do; a file of it is simply not there."""
    assets = Assets(tmp_path / "static")
    status, headers, body = await told(assets, "index.html")
    assert (status, headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert b"python hatch_build.py" in body
    assert await assets.answer(asked(), "favicon.svg") is None


async def test_a_file_that_has_gone_is_not_there(folder: Path) -> None:
    """As when somebody builds the page anew beside a gateway that runs."""
    assets = Assets(folder)
    (folder / "favicon.svg").unlink()
    assert await assets.answer(asked(), "favicon.svg") is None
