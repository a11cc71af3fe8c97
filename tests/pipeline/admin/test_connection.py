"""Whether all upstreams answer, in one call."""

from pathlib import Path

from tests.pipeline.admin.office import CONFIGURED, Office, office


async def test_whether_upstreams_answer_is_told_to_an_admin_alone(at: Office) -> None:
    """Asking costs money: once it was everybody's."""
    assert (await at.send("GET", "/admin/api/test-connection")).status == 401
    answer = await at.ask("GET", "/test-connection")
    assert answer.status == 200
    assert answer.json["upstreams"]["up"]["ok"]


async def test_an_upstream_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """503, and what to do about it."""
    gone = '[upstreams.gone]\ndialect = "chat"\nurl = "http://127.0.0.1:1"\nkey = "k"\n'
    async with office(tmp_path, CONFIGURED + gone) as at:
        answer = await at.ask("GET", "/test-connection")
        assert answer.status == 503
        [field] = answer.json["error"]["fields"]
        assert field["path"] == "gone"
        assert "Nothing listens there" in field["message"]
