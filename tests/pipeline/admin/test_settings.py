"""The table ``[admin]``: whose password it is has a name that every way of logging in can say."""

import json
from pathlib import Path

import pytest

from tests.pipeline.admin.office import PASSWORD, office
from tests.pipeline.configs import configured, refused


@pytest.mark.parametrize("name", ["", "a:b", " ", " ada", "ada\n", "a\u200bb", "u" * 201])
def test_a_name_that_could_not_be_said_is_none(name: str) -> None:
    """Basic puts a colon between user and password (RFC 7617): scripts would be locked out, and nobody told why."""
    (line,) = refused(f"[admin]\nuser = {json.dumps(name)}")
    assert line.startswith("pipeline.toml: admin.user: expected one line of at most 200 characters, without a colon")


def test_a_name_may_have_more_than_one_word() -> None:
    """As Basic and the page's login take it."""
    assert configured('[admin]\nuser = "Ada Lovelace"').admin.user == "Ada Lovelace"


async def test_a_name_is_one_however_its_letters_are_composed(tmp_path: Path) -> None:
    """What a file says in two signs is what a keyboard says in one."""
    assert configured('[admin]\nuser = "Rene\u0301"').admin.user == "Ren\u00e9"
    said = f'[admin]\nuser = "Rene\u0301"\npassword = "{PASSWORD}"\n'
    async with office(tmp_path, said) as at:
        for name in ("Ren\u00e9", "Rene\u0301"):
            assert (await at.ask("GET", "/keys", basic=f"{name}:{PASSWORD}")).status == 200
