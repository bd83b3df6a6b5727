"""What Hypothesis makes up for attacks: words that have broken programs, and queries of them."""

from collections.abc import Sequence
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: Each has once been too much for a parser, a database, a template or a terminal.
NASTY = (
    *("", " ", "%", "%00", "\x00", "\r\nSet-Cookie: a=b", "\x1b[2J", "\u202e", "\ufeff", "💩"),
    *("' OR 1=1 --", '"; DROP TABLE users; --', "*", "%%", "_", "a' LIKE '%", "{{7*7}}", "${x}"),
    *("<script>alert(1)</script>", "../../etc/passwd", "..;/", "//evil.example", "\\\\evil"),
    *("-1", "0", "9" * 30, "1e999", "NaN", "null", "[]", "{}", "true", "2026-13-45", "0-0"),
    *("9999-12-31", "0001-01-01", "99999999999999999-999999999999999999", "=1+1", "@SUM(1)"),
    *("x" * 300, "ct_0000-0000", "-000nobody", "http://evil.example", "javascript:alert(1)"),
)
WORDS = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.integers().map(str),
)


def queries(names: Sequence[str], *known: str) -> st.SearchStrategy[str]:
    """Return query strings: of these names or others, with junk or known words as values."""
    name = st.one_of(st.sampled_from(names), WORDS)
    value = st.one_of(WORDS, st.sampled_from(known)) if known else WORDS
    pair = st.tuples(name, value).map(lambda both: f"{quote(both[0])}={quote(both[1])}")
    raw = st.binary(min_size=1, max_size=8).map(lambda some: quote(some, safe=""))
    return st.lists(st.one_of(pair, pair, pair, raw), max_size=6).map("&".join)


def tried(examples: int) -> settings:
    """Return how to run a property: the same examples each time, however slow they are."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
