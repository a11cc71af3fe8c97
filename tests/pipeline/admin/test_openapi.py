"""The document, as far as no fuzzer sees it."""

import re

from pipeline.admin.front import ROUTES
from pipeline.admin.openapi import document
from tests.pipeline.admin.office import Office


def test_every_operation_has_a_name_and_says_what_it_is_for() -> None:
    """Names are unique, and every route is there."""
    operations = [each for path in document(ROUTES)["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations) == len(ROUTES)
    assert all(each["summary"] for each in operations)


def test_every_reference_leads_somewhere() -> None:
    """And nothing is described that nobody uses."""
    made = document(ROUTES)
    used = set(re.findall(r"#/components/schemas/(\w+)", repr(made)))
    assert used == made["components"]["schemas"].keys()


def test_every_parameter_of_a_path_is_declared() -> None:
    """By its name."""
    for path, operations in document(ROUTES)["paths"].items():
        named = set(re.findall(r"{(\w+)}", path))
        for each in operations.values():
            assert {p["name"] for p in each["parameters"] if p["in"] == "path"} == named


async def test_it_is_served_to_whoever_is_near(at: Office) -> None:
    """It tells nothing of this gateway."""
    answer = await at.send("GET", "/admin/api/openapi.json")
    assert answer.json["openapi"] == "3.1.0"
