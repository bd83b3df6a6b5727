"""What is measured on a page that a browser has open; never loads, presses or types anything."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

from tests.looks.forgiven import forgiven

HERE = Path(__file__).parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
JAR = HERE / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
HOW = "`npm ci --omit=dev --prefix tests/looks` brings it"

Theme = Literal["light", "dark"]
LOOKS: tuple[tuple[int, Theme], ...] = (
    (1280, "light"),
    (1280, "dark"),
    (360, "dark"),
    (360, "light"),
)
#: CSS px; 640 is what 1280 has at a zoom of 200 %, and 320 is what 640 has.
WIDTHS = (1280, 640, 360, 320)
HEIGHT = 800

#: How a reader may change a page, as a sheet of their own: WCAG 1.4.12.
SPACED = """
* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
p { margin-bottom: 2em !important }
"""
#: Words → (direction, sheet), and at which widths it is tried.
Reader = tuple[str, str, tuple[int, ...]]
READERS: dict[str, Reader] = {
    "as it is": ("", "", WIDTHS),
    "text spacing": ("", SPACED, (1280, 360, 320)),
    "right to left": ("rtl", "", (1280, 360, 320)),
    "right to left, text spacing": ("rtl", SPACED, (320,)),
}
AS_IT_IS = {"as it is": READERS["as it is"]}
_SIDEWAYS = """
(readers) => {
  const root = document.documentElement, dir = root.dir, found = [];
  const past = (e) => {
    const box = e.getBoundingClientRect();
    return box.width ? Math.max(box.right - root.clientWidth, -box.left) : 0;
  };
  const name = (e) => e.localName + [...e.classList].map((c) => "." + c).join("") + " “"
    + e.textContent.trim().replace(/\\s+/g, " ").slice(0, 30) + "”";
  for (const [words, direction, css] of readers) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    // A policy forbids sheets that a page brings, not those that a script holds.
    document.adoptedStyleSheets = [sheet];
    root.dir = direction || dir;
    const over = root.scrollWidth - root.clientWidth;
    if (over > 0) {
      const out = [...document.querySelectorAll("body *")].filter((e) => past(e) > 0.5)
        .filter((e) => [...e.children].every((child) => past(child) <= 0.5))
        .sort((a, b) => past(b) - past(a));
      found.push(`${words}: ${over} px too wide: ${out.slice(0, 2).map(name).join(", ")}`);
    }
  }
  document.adoptedStyleSheets = [];
  root.dir = dir;
  return found;
}
"""


def sideways(page: Page, readers: Mapping[str, Reader] = READERS) -> list[str]:
    """Return where the page can be scrolled sideways, at each width and for each reader."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        these = [(w, d, css) for w, (d, css, at) in readers.items() if width in at]
        found += [f"{width} px, {told}" for told in page.evaluate(_SIDEWAYS, these)]
    with _large_text(page):
        for width in (1280, 640):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            told = page.evaluate(_SIDEWAYS, [("text at 200 %", "", "")])
            found += [f"{width} px, {each}" for each in told]
    return found


@contextmanager
def _large_text(page: Page) -> Iterator[None]:
    """Let the reader have set letters twice as large: media queries in `rem` follow that too."""
    session = page.context.new_cdp_session(page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
    yield
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 16, "fixed": 13}})
    session.detach()


_AXE = """
async () => {
  // What the bar of the operators' list covers can be scrolled from under it; axe does not scroll.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".bulkbar, .picked { position: static !important }");
  document.adoptedStyleSheets = [sheet];
  const options = { resultTypes: ["violations", "incomplete"], elementRef: false, preload: false,
                    rules: { "target-size": { enabled: true } } };
  const { violations, incomplete } = await axe.run(document, options);
  document.adoptedStyleSheets = [];
  const told = (kind) => (rule) => rule.nodes.map((node) => ({
    kind, rule: rule.id, target: node.target.flat().join(" "), html: node.html,
    why: [...node.any, ...node.all, ...node.none].map((check) => check.message).join(" "),
  }));
  return [...violations.flatMap(told("violation")), ...incomplete.flatMap(told("incomplete"))];
}
"""


def unfold(page: Page) -> None:
    """Open whatever can be opened."""
    page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")


def accessible(page: Page, looks: Iterable[tuple[int, Theme]] = LOOKS) -> list[str]:
    """Return what axe-core finds or cannot decide, at each width and in each theme."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=theme)
        for each in page.evaluate(_AXE):
            if not forgiven(each):
                found.setdefault(_told(each), []).append(f"{theme} {width}")
    page.emulate_media(color_scheme="light")
    return [f"{told} [{', '.join(where)}]" for told, where in found.items()]


def _told(found: dict[str, Any]) -> str:
    return "{kind} {rule}: {target}: {why} {html:.160}".format(**found)


_TARGETS = """
() => [...document.querySelectorAll("button, .button, summary, input:not([type=hidden]), select")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }))
  .map((e) => [e, e.getBoundingClientRect()])
  .filter(([e, box]) => box.width > 1 && e.type !== "checkbox")
  .map(([e, box]) => [e, box, e.matches(".plain, input, select, summary") ? 24
    : e.matches(".tiny") ? 32 : 44])
  .filter(([e, box, least]) => box.height + 0.5 < least)
  .map(([e, box, least]) => `${e.textContent.trim()}: ${box.height} px high, not ${least}`)
"""


def small_targets(page: Page) -> list[str]:
    """Return the buttons that are lower than a finger needs; axe measures all other targets."""
    found: list[str] = page.evaluate(_TARGETS)
    return found
