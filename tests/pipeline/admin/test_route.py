"""Routes: what a path means."""

from pipeline.admin.route import Route, found, get, put, split


async def one(ask: object, id: str) -> str:  # noqa: A002  # as the path has it
    """One."""
    return id


async def order(ask: object) -> None:
    """All."""


ROUTES: tuple[Route, ...] = (get("/things/{id}", one), put("/things/order", order))


def test_what_stands_for_a_name_is_decoded() -> None:
    """A slash within a segment is no separator."""
    ((route, names),) = found(ROUTES, "/things/a%2Fb%20c")
    assert (route.call, names) == (one, {"id": "a/b c"})


def test_a_path_that_is_written_out_goes_before() -> None:
    """``order`` is no id."""
    assert [route.method for route, _ in found(ROUTES, "/things/order")] == ["PUT"]


def test_what_is_no_path_of_ours() -> None:
    """Too long, too short, empty, not UTF-8, with control characters."""
    for path in ("/things", "/things/", "/things/a/b", "/things/%ff", "/things/%00", "/things/%0a", "/other/a"):
        assert found(ROUTES, path) == []
    assert split("/a/%C3%A9") == ["a", "é"]


def test_an_operation_is_named_for_its_module_and_call() -> None:
    """So that generated clients have methods one can guess."""
    assert ROUTES[0].name == "test_route_one"
    assert ROUTES[0].parameters == ["id"]
