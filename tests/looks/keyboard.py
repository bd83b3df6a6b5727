"""Walks a page with the Tab key and tells what is wrong on the way; presses nothing else."""

from typing import Any

from playwright.sync_api import Page

#: Numbers everything that can be reached, in the order of reading; returns what each is called
#: and where it stands.
_NUMBER = """
() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((e) => !e.disabled && e.type !== "hidden")
  .filter((e) => e.checkVisibility({ visibilityProperty: true }))
  .map((e, n) => {
    e.dataset.stop = n;
    const box = e.getBoundingClientRect();
    return { name: (e.textContent.trim() || e.name || e.href).replace(/\\s+/g, " ").slice(0, 40),
             top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left, right: box.right,
             // What sticks to the window stands where it likes.
             aside: e.matches(".skip, .bulkbar *") };
  })
"""
_STOP = """
() => {
  const e = document.activeElement;
  if (!e || e === document.body || !e.dataset.stop) return null;
  const style = getComputedStyle(e), boxes = [...e.getClientRects()];
  const covered = boxes.every((box) => {
    const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return !at || !(e.contains(at) || at.contains(e));
  });
  return { number: Number(e.dataset.stop), covered,
           ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
}
"""


def walk(page: Page) -> list[str]:
    """Press Tab from the top of the page to its end; return what is wrong."""
    stops: list[dict[str, Any]] = page.evaluate(_NUMBER)
    found = [f"{b['name']!r} is read after {a['name']!r}" for a, b in _against_reading(stops)]
    page.evaluate("scrollTo(0, 0)")
    reached: list[int] = []
    # A field of a date holds several stops of its own.
    for _ in range(len(stops) + 20):
        page.keyboard.press("Tab")
        stop = page.evaluate(_STOP)
        if stop is None:
            break
        number = int(stop["number"])
        if reached and reached[-1] == number:
            continue
        if number in reached:
            # Without a step outside the page, some start over.
            break
        reached.append(number)
        name = stops[number]["name"]
        if not stop["ring"]:
            found.append(f"{name!r} shows no focus")
        if stop["covered"]:
            found.append(f"{name!r} is covered when it has the focus")
    if reached != list(range(len(stops))):
        missed = [s["name"] for n, s in enumerate(stops) if n not in reached]
        found.append(f"Tab goes {reached}; never to {missed}")
    return found


def _against_reading(stops: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return neighbours of which the second stands above or left of the first, where one reads."""
    seen = [stop for stop in stops if not stop["aside"]]
    return [
        (one, other)
        for one, other in zip(seen, seen[1:], strict=False)
        # The next column begins further up, and to the right.
        if (other["bottom"] <= one["top"] and other["left"] < one["right"])
        or (abs(other["top"] - one["top"]) < 2 and other["right"] <= one["left"])
    ]
