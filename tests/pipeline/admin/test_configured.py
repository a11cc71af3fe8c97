"""What is configured, and where it stands; who changed what."""

from pathlib import Path

from tests.pipeline.admin.office import CONFIGURED, PASSWORD, Office, office

MORE = (
    CONFIGURED
    + """
[auth]
keys = [{ name = "ada", key = "a-secret-of-adas" }]
[upstreams.work]
dialect = "chat"
url = "https://work.test/v1"
proxy = "http://me:hidden@proxy.test:3128"
key = "a-secret-of-ours"
headers = { x-api-key = "another-secret", x-team = "tools" }
"""
)


async def test_secrets_are_covered_wherever_they_stand(tmp_path: Path) -> None:
    """Passwords, keys, headers, credentials in addresses."""
    async with office(tmp_path, MORE) as at:
        answer = await at.ask("GET", "/settings")
        for secret in (PASSWORD, "a-secret-of-adas", "a-secret-of-ours", "another-secret", "hidden"):
            assert secret.encode() not in answer.body
        values = {each["path"]: each["value"] for each in answer.json["settings"]}
        assert values["upstreams.work.headers"] == {"x-api-key": "***", "x-team": "tools"}
        (ada,) = values["auth.keys"]
        assert (ada["name"], ada["key"]) == ("ada", "***")
        assert (values["admin.password"], values["server.port"]) == ("***", 4096)


async def test_the_audit_comes_in_pages(at: Office) -> None:
    """The newest first."""
    for name in ("a", "b", "c"):
        await at.ask("POST", "/keys", {"name": name})
    first = (await at.ask("GET", "/audit?limit=2")).json
    rest = (await at.ask("GET", f"/audit?limit=2&before={first['next']}")).json
    assert [entry["detail"]["name"] for entry in (*first["entries"], *rest["entries"])] == ["c", "b", "a"]
    assert rest["next"] is None
