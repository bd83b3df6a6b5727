"""What holds for every page, macro and style: strict, safe, accessible, small, in plain words."""

import gzip
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import rcssmin
from flask import Flask

from tests.processes import ROOT
from tests.views.bare_app import stage
from tests.views.reading import JARGON, Reading, long_sentences
from tests.views.scenes import HEALTHS, PEOPLE, SCENES, play
from webapp.views.http.ending_texts import ENDINGS

TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
MACROS = sorted((TEMPLATES / "components").glob("*.html"))
STYLES = [STATIC / "css" / f"{role}.css" for role in ("tokens", "base", "components", "pages")]
JOINED = "cat static/css/{tokens,base,components,pages}.css | python -m rcssmin > static/style.css"

#: What a policy without `unsafe-*`, or plain caution, does not allow.
FORBIDDEN = re.compile(
    r"""\sstyle=|<style|\son[a-z]+=|javascript:|\|\s*safe\b|autoescape|["'](https?:)?//""",
    re.IGNORECASE,
)
#: TikTok's lifetimes are read from its answers; no text may name one.
LIFETIME = re.compile(r"\b(2|24|two) hours\b|\b(180|365) days\b|\ba year\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def app() -> Flask:
    return stage()


@pytest.fixture(scope="module", params=SCENES)
def page(app: Flask, request: pytest.FixtureRequest) -> Reading:
    return Reading(play(app, SCENES[request.param]))


def texts(folder: Path, ending: str) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every file below `folder`."""
    for path in sorted(folder.rglob(f"*.{ending}")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


# Pages


def test_every_page_is_played_by_a_scene() -> None:
    pages = {p.relative_to(TEMPLATES).as_posix() for p in TEMPLATES.glob("*/*.html")}
    rest = {p for p in pages if p.startswith(("components/", "errors/"))}
    assert pages - rest == {scene.template for scene in SCENES.values()}


def test_a_page_has_one_heading_and_it_is_the_title(page: Reading) -> None:
    assert page.the("title").removeprefix("Error: ") == f"{page.the('h1')} · Coatcheck"


def test_a_page_has_landmarks_and_a_skip_link(page: Reading) -> None:
    for landmark in ("header", "main", "footer"):
        page.the(landmark)
    assert page.all("html")[0].attrs["lang"] == "en"
    assert page.all("a")[0].attrs["href"] == "#main"
    assert page.all("main")[0].attrs["id"] == "main"


def test_headings_never_skip_a_level(page: Reading) -> None:
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h[1-6]", e.tag)]
    from_h1 = levels[levels.index(1) :]
    assert all(after <= before + 1 for before, after in zip(from_h1, from_h1[1:], strict=False))


@pytest.mark.rule(64)
def test_a_page_links_privacy_terms_and_cookies_in_sight(page: Reading) -> None:
    links = {a.text: a.attrs["href"] for a in page.all("a")}
    assert links["Privacy"] == "/privacy"
    assert links["Terms"] == "/terms"
    assert links["Cookies"] == "/cookies"
    assert "Not affiliated with TikTok." in page.text


def test_a_page_has_at_most_one_primary_action(page: Reading) -> None:
    assert len(page.primary) <= 1


def test_what_ends_something_comes_after_the_way_back(page: Reading) -> None:
    pressed = [e for e in page.elements if e.tag == "button" or "button" in e.classes]
    for before, after in pairwise(pressed):
        if {"danger", "primary"} <= {*after.classes}:
            assert (before.tag, before.classes) == ("a", ["button"])
    questions = ("Yes, disconnect", "Yes, delete my account", "Yes, revoke")
    for button in pressed:
        if button.text.startswith(questions):
            assert {"danger", "primary"} <= {*button.classes}


def test_every_field_has_a_label_and_every_reference_a_target(page: Reading) -> None:
    ids = [e.attrs["id"] for e in page.elements if "id" in e.attrs]
    assert len(ids) == len(set(ids))
    labelled = {label.attrs["for"] for label in page.all("label")}
    fields = page.all("input") + page.all("select")
    shown = [field for field in fields if field.attrs.get("type") != "hidden"]
    assert {field.attrs["id"] for field in shown} == labelled
    for element in page.elements:
        for name in ("aria-describedby", "aria-labelledby"):
            assert set(element.attrs.get(name, "").split()) <= set(ids)
        if element.attrs.get("href", "").startswith("#"):
            assert element.attrs["href"][1:] in ids


def test_every_form_posts_with_its_secret(page: Reading) -> None:
    # A form that asks changes nothing, and is of operators' lists alone.
    forms = [form for form in page.all("form") if form.attrs.get("role") != "search"]
    assert all(form.attrs["method"] == "post" for form in forms)
    secrets = [field for field in page.all("input") if field.attrs.get("name") == "csrf_token"]
    assert len(secrets) == len(forms)


def test_every_table_says_what_it_is_and_folds_into_cards(page: Reading) -> None:
    assert len(page.all("table")) == len(page.all("caption"))
    assert all("scope" in head.attrs for head in page.all("th"))
    assert all("data-l" in cell.attrs for cell in page.all("td"))


def test_a_page_takes_four_requests_and_none_elsewhere(page: Reading) -> None:
    wants = [e.attrs["href"] for e in page.all("link")] + [
        e.attrs["src"] for e in page.all("script")
    ]
    assert len(wants) <= 3
    assert all(address.startswith("/static/") for address in wants)
    assert not page.all("img")


@pytest.mark.parametrize("name", SCENES)
def test_sign_out_is_a_button_on_every_page_of_those_signed_in(app: Flask, name: str) -> None:
    page = Reading(play(app, SCENES[name]))
    targets = [form.attrs["action"] for form in page.all("form")]
    assert ("/sign-out" in targets) == (SCENES[name].visitor is not None)


@pytest.mark.parametrize("name", SCENES)
def test_a_pretend_tiktok_is_named_on_every_page(app: Flask, name: str) -> None:
    told = "Test mode: connected to a mock TikTok, not the real one." in play(app, SCENES[name])
    assert told == SCENES[name].sandbox


@pytest.mark.parametrize("name", PEOPLE)
def test_people_read_plain_words(app: Flask, name: str) -> None:
    page = Reading(play(app, PEOPLE[name]))
    assert not JARGON.findall(page.text)
    assert not LIFETIME.findall(page.text)
    assert not long_sentences(page)


def test_only_operators_see_the_way_to_the_tokens(app: Flask) -> None:
    assert "/operators/tokens" not in play(app, SCENES["account-fresh"])
    assert "/operators/tokens" in play(app, SCENES["tokens"])


# What single pages must say


def words(app: Flask, name: str) -> str:
    """Return what can be read on a page."""
    return Reading(play(app, SCENES[name])).text


@pytest.mark.rule(63)
def test_the_way_to_tiktok_is_text_on_a_button(app: Flask) -> None:
    for name in ("home", "home-basic", "choose"):
        (button,) = Reading(play(app, SCENES[name])).primary
        assert button.text == "Continue with TikTok"
        assert "tiktok" not in " ".join(button.classes)


def test_the_front_page_holds_the_form_only_when_there_is_nothing_to_choose(app: Flask) -> None:
    def targets(name: str) -> list[str]:
        return [form.attrs["action"] for form in Reading(play(app, SCENES[name])).all("form")]

    assert targets("home") == ["/theme"]
    assert targets("home-basic") == ["/connect/start", "/theme"]


def test_an_own_choice_begins_unticked(app: Flask) -> None:
    boxes = [
        f for f in Reading(play(app, SCENES["choose"])).all("input") if f.attrs["name"] == "scopes"
    ]
    assert [box.attrs["value"] for box in boxes] == ["user.info.stats", "video.list"]
    assert not any("checked" in box.attrs for box in boxes)
    more = Reading(play(app, SCENES["choose-more"])).all("input")
    assert all("checked" in box.attrs for box in more if box.attrs["name"] == "scopes")


def test_an_attempt_that_never_came_back_is_asked_about(app: Flask) -> None:
    assert "Did TikTok show an error?" in words(app, "choose-more")
    assert "Did TikTok show an error?" not in words(app, "choose")


@pytest.mark.rule(19)
def test_what_was_left_off_is_named_with_one_way_to_add_it(app: Flask) -> None:
    page = Reading(play(app, SCENES["connected-again"]))
    assert "“Your public videos”" in page.text
    links = [a.attrs["href"] for a in page.all("a") if "add=" in a.attrs["href"]]
    assert links == ["/connect?add=video.list"]
    assert "is missing" not in words(app, "connected")


@pytest.mark.parametrize(
    ("health", "said", "unsaid"),
    [
        ("fresh", "Connected", "Reconnect TikTok"),
        ("due", "Connected", "Reconnect TikTok"),
        ("refreshing", "Connected", "Reconnect TikTok"),
        ("failing", "Connected, retrying", "Reconnect TikTok"),
        ("expired", "Access has temporarily expired", "Reconnect needed"),
        ("reconnect", "TikTok needs you to sign in again", "Connect again"),
        ("revoking", "TikTok hasn't confirmed the disconnect yet", "Disconnect TikTok…"),
        ("revoked", "You're not connected", "Disconnect TikTok…"),
    ],
)
def test_an_account_says_how_it_stands(app: Flask, health: str, said: str, unsaid: str) -> None:
    text = words(app, f"account-{health}")
    assert said in text
    assert unsaid not in text


@pytest.mark.parametrize("reason", ENDINGS)
def test_every_reason_is_told_in_words_and_leads_back(app: Flask, reason: str) -> None:
    page = Reading(play(app, SCENES[f"account-{reason}"]))
    because = ENDINGS[reason].because
    assert f"Access stopped working 3 hours ago because {because}." in page.text
    assert "Nothing you've saved is lost." in page.text
    assert [button.text for button in page.primary] == ["Reconnect TikTok"]
    closed = "TikTok closed this connection" in page.text
    assert closed is (reason in ("removed_2", "removed_3", "removed_4"))
    asked = [f.attrs["value"] for f in page.all("input") if f.attrs["name"] == "scopes"]
    assert asked == ["user.info.basic", "video.list"]


def test_an_ending_without_a_reason_guesses_none(app: Flask) -> None:
    assert "Access stopped working." in words(app, "account-reconnect")


def test_the_end_of_a_connection_is_told_before_it_comes(app: Flask) -> None:
    text = words(app, "account-ending")
    assert "Reconnect by 5 December 2026" in text
    assert "Yours ends in 13 days." in text
    assert "Reconnect by" not in words(app, "account-fresh")
    assert "Reconnect by 24 November 2026" in words(app, "account-ending-expired")


@pytest.mark.parametrize("health", HEALTHS)
def test_renewing_now_is_offered_only_while_renewals_fail(app: Flask, health: str) -> None:
    offered = "Renew now" in words(app, f"account-{health}")
    assert offered is (health in ("failing", "expired"))


def test_a_hostile_name_is_only_text(app: Flask) -> None:
    html = play(app, SCENES["account-hostile"])
    assert "<script>alert" not in html
    assert "\u202e" not in html


def test_a_mistyped_ticket_is_told_above_beside_and_in_the_title(app: Flask) -> None:
    page = Reading(play(app, SCENES["delete-wrong"]))
    assert page.the("title").startswith("Error: ")
    assert page.text.count("Type the ticket number as shown above.") == 2
    (field,) = [f for f in page.all("input") if f.attrs["name"] == "ticket"]
    assert field.attrs["aria-invalid"] == "true"


# Sources


def test_no_template_holds_what_the_policy_forbids() -> None:
    found = [(path, FORBIDDEN.findall(text)) for path, text in texts(TEMPLATES, "html")]
    assert not [path for path, hits in found if hits], "see FORBIDDEN"


def test_the_grep_for_the_policy_bites() -> None:
    for bad in ('<p style="a">', "<b onclick=x>", "{{ a|safe }}", 'src="https://a"', 'src="//a"'):
        assert FORBIDDEN.search(bad), bad


@pytest.mark.parametrize("path", MACROS, ids=lambda path: path.stem)
def test_a_macro_has_a_file_to_itself_and_says_how_to_call_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(r"\{#- (call(\(\w+\))? )?" + path.stem + r"\(", text)
    assert re.findall(r"\{% macro (\w+)\(", text) == [path.stem]


def test_the_styles_of_macros_have_their_names_and_order() -> None:
    text = (STATIC / "css" / "components.css").read_text(encoding="utf-8")
    sections = re.findall(r"^/\* (\w+)(?=:| \*/)", text, re.MULTILINE)
    assert sections == [path.stem for path in MACROS]


def test_the_style_that_is_sent_is_the_four_joined() -> None:
    joined = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    sent = (STATIC / "style.css").read_text(encoding="utf-8")
    assert sent == rcssmin.cssmin(joined), f"run: {JOINED}"


def test_the_styles_stay_small_and_plain() -> None:
    text = (STATIC / "style.css").read_text(encoding="utf-8")
    assert len(text.encode()) <= 24 * 1024
    # What a browser loads; `tests/looks/weight.py` has what a whole page may weigh.
    assert len(gzip.compress(text.encode())) <= 6.5 * 1024
    text = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    assert not re.search(r"!important|@import|url\(|^\s*#\w|[a-z-]+-(left|right)\s*:", text, re.M)


def test_the_script_stays_small_and_writes_only_text() -> None:
    text = (STATIC / "js" / "app.js").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert len(text.encode()) <= 2 * 1024
    assert not re.search(r"innerHTML|eval\(|document\.write|fetch\(|https?:", text)
    assert "pageshow" in text


# Contrast (WCAG 2.2, 1.4.3 and 1.4.11)

TONES = ("ok", "warn", "bad", "info")
GROUNDS = ("paper", "card", "sunk")
TEXT_PAIRS = [
    *((text, ground) for text in ("ink", "muted", "link", "bad", "warn") for ground in GROUNDS),
    *((tone, f"{tone}-bg") for tone in TONES),
    *((text, f"{tone}-bg") for text in ("ink", "link") for tone in TONES),
    ("on-brand", "brand"),
    ("on-brand", "brand-lit"),
    *((text, "float") for text in ("on-float", "float-link", "float-bad")),
]
EDGE_PAIRS = [
    *(("edge", ground) for ground in GROUNDS),
    *((mark, "card") for mark in ("ok", "warn", "bad", "info", "bar", "bar-bad")),
    *(("brand-edge", ground) for ground in GROUNDS),
    ("float-edge", "float"),
]


def colours(theme: int) -> dict[str, str]:
    """Return name → #rrggbb as the tokens give it; theme 0 is light, 1 is dark."""
    text = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    plain = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text))
    both = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", text)
    assert all(plain[name] == light for name, light, _ in both), "the two light themes differ"
    return plain | {name: pair[theme] for name, *pair in both}


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("pairs", "least"), [(TEXT_PAIRS, 4.5), (EDGE_PAIRS, 3.0)], ids=["text", "edges"]
)
def test_every_pair_of_colours_can_be_told_apart(
    theme: int, pairs: list[tuple[str, str]], least: float
) -> None:
    given = colours(theme)
    faint = {pair: contrast(given[pair[0]], given[pair[1]]) for pair in pairs}
    assert not {pair: ratio for pair, ratio in faint.items() if ratio < least}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_browsers_own_frame_has_the_colour_of_the_paper(app: Flask, theme: int) -> None:
    paper = Reading(play(app, SCENES["home"])).all("meta")
    told = [each.attrs for each in paper if each.attrs.get("name") == "theme-color"]
    assert told[theme]["content"] == colours(theme)["paper"]
    assert told[theme]["media"] == f"(prefers-color-scheme: {['light', 'dark'][theme]})"


def test_contrast_is_computed_as_the_standard_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#1c1d26", "#f7b32b") == pytest.approx(9.13, abs=0.01)
