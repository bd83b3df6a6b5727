"""How a page's share of the bare route is computed."""

from benchmarks.pages.load import BARE, Measured, Server, Target, rows

SERVER = Server(port=0, pid=0)


def target(name: str, connections: int = 8) -> Target:
    """Return a target that is never measured."""
    return Target(connections, name, SERVER, ["/"])


def test_each_page_is_compared_with_the_bare_route_measured_before_it() -> None:
    found = {
        target(BARE): [Measured(1000, 1.0)],
        target("early"): [Measured(500, 2.0)],
        # The machine has become busy.
        target(BARE): [Measured(100, 1.0)],
        target("late"): [Measured(50, 3.0)],
    }
    assert rows(found) == [
        ["8, bare route", "1000", "100%", "1.00", "1.00"],
        ["8, early", "500", "50%", "2.00", "2.00"],
        ["8, late", "50.0", "50%", "3.00", "3.00"],
    ]


def test_each_page_is_compared_with_a_bare_route_over_as_many_connections() -> None:
    found = {
        target(BARE, 1): [Measured(400, 1.0)],
        target(BARE, 8): [Measured(1000, 1.0)],
        target("page", 1): [Measured(100, 1.0)],
        target("page", 8): [Measured(100, 1.0)],
    }
    assert [row[2] for row in rows(found)] == ["100%", "100%", "25%", "10%"]
