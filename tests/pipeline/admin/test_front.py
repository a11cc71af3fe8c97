"""What is below /admin besides the API."""

from pathlib import Path

import pytest

from tests.pipeline.admin.office import Office, office


async def test_the_page_has_one_address(at: Office) -> None:
    """Without the slash its files would be looked for elsewhere."""
    answer = await at.send("GET", "/admin")
    assert (answer.status, answer.headers["location"]) == (308, "/admin/")


@pytest.mark.parametrize("path", ["/admin/", "/admin/swagger"])
async def test_pages_are_there_or_say_how_to_build_them(at: Office, path: str) -> None:
    """Either way a page, guarded."""
    answer = await at.send("GET", path)
    assert answer.status == (200 if at.front.assets.built else 503)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


async def test_what_is_not_there_is_404_and_nothing_is_written_to(at: Office) -> None:
    """A page is read."""
    assert (await at.send("GET", "/admin/nothing")).status == 404
    assert (await at.send("GET", "/admin/../pipeline.toml")).status == 404
    refused = await at.send("POST", "/admin/")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_what_only_begins_like_it_is_not_the_admins(at: Office) -> None:
    """It is a path nobody knows."""
    assert b"there is nothing at /administration" in (await at.send("GET", "/administration")).body


async def test_a_gateway_without_an_admin_has_nothing_there(tmp_path: Path) -> None:
    """Its paths are paths nobody knows."""
    async with office(tmp_path) as at:
        at.gateway.admin = None
        assert (await at.send("GET", "/admin/")).status == 404
