"""What docs/app-review.md tells TikTok of the scopes is what people read."""

import re

from tests.processes import ROOT
from webapp.tiktok.scopes import CATALOGUE

TEXT = (ROOT / "docs" / "app-review.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z.]+)` \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_its_scopes_are_those_of_the_catalogue_in_the_same_words() -> None:
    rows = ROW.findall(TEXT)
    assert len(rows) > 5
    for name, *told in rows:
        scope = CATALOGUE[name]
        assert told == [scope.label, scope.why, scope.limits], name


def test_the_buttons_it_names_are_there() -> None:
    templates = "\n".join(p.read_text(encoding="utf-8") for p in ROOT.glob("templates/**/*.html"))
    for words in re.findall(r"\*\*(.+?)\*\*", TEXT):
        assert words in templates, words
