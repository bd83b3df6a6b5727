"""Counts an operator's clicks for six tasks: `python -m tests.looks.tasks` writes docs/tasks.

Each task begins at the list of a running demo with 500 people, and ends when the page shows the
result, which is then pictured. Times and people in the pictures differ a little each time.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from string import ascii_lowercase

from playwright.sync_api import Browser, Locator, Page, expect

from tests import browsers
from tests.journeys.pages import Effort, press
from tests.looks import tour
from tests.processes import ROOT

FOLDER = ROOT / "docs" / "tasks"
PEOPLE = 500
SIZE = {"width": 1280, "height": 800}
SCALE, QUALITY = 0.75, 40
#: How long a job may take, in milliseconds.
JOB_WITHIN = 60_000
INTRODUCTION = """# Six tasks, counted

`python -m tests.looks.tasks` starts a demo with 500 people, does each task in Chromium, and counts
the clicks from the list of connections to the result. Typing is not counted; pressing Enter
after it isn't a click. A test fails if a task takes more clicks than its limit.
"""


@dataclass(frozen=True)
class Task:
    """One thing an operator wants; `do` begins at the list and ends at the result."""

    name: str
    words: str
    limit: int
    do: Callable[[Page], None]
    #: What must be there before, without being counted.
    prepare: Callable[[Page], None] = lambda _page: None


@dataclass(frozen=True)
class Done:
    """A task, how many clicks it took, and what the page then showed, as WebP."""

    task: Task
    clicks: int
    picture: bytes


def find(page: Page) -> None:
    """Find Tomás Ferreira, typed without the accent."""
    search = page.get_by_role("searchbox")
    search.click()
    page.keyboard.type("tomas ferreira")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody th")).to_contain_text("Tomás Ferreira")


def see_why(page: Page) -> None:
    """Open a connection that fails, and read why."""
    failing = page.locator("tbody tr").filter(has_text="Refresh failing").first
    failing.get_by_role("link").click()
    page.wait_for_url("**/operators/tokens/-*")
    expect(page.locator(".state")).to_contain_text("TikTok responded with")


def refresh_twenty(page: Page) -> None:
    """Refresh the twenty (or a few more) people whose names begin alike, to the end."""
    word, number = _word_of_twenty(page)
    page.get_by_role("searchbox").click()
    page.keyboard.type(word)
    page.keyboard.press("Enter")
    press(page, f"Select all {number} rows on this page")
    press(page, "Refresh selected")
    press(page, f"Refresh {number} connections")
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        f"{number} of {number} finished", timeout=JOB_WITHIN
    )


def order_a_job(page: Page) -> None:
    """Order a refresh that takes about a minute."""
    page.goto(f"{page.url}?status=healthy&sel=all")
    bar = page.get_by_role("group", name="Selected connections")
    bar.get_by_role("button", name="Refresh all").click()
    _main_button(page, "Refresh").click()
    page.wait_for_url("**/operators/bulk/*")


def stop_a_job(page: Page) -> None:
    """Stop the job that is running."""
    press(page, "Bulk jobs")
    _main_button(page, "Stop").first.click()
    page.wait_for_url("**/operators/bulk/*")
    expect(page.locator("main .tag")).to_contain_text("Stopped")


def issue_a_key(page: Page) -> None:
    """Issue a key, and see it."""
    press(page, "Keys")
    page.get_by_label("Name").click()
    page.keyboard.type("reports-prod")
    press(page, "Issue key")
    expect(page.get_by_role("heading", level=1)).to_have_text("Key issued")
    expect(page.locator("#key")).to_contain_text("cck_")
    # The picture is published, so the key must not be in it.
    page.evaluate(_HIDE_KEY)


def read_who_did_what(page: Page) -> None:
    """Read what one operator has done."""
    press(page, "Audit")
    page.get_by_label("Who").click()
    page.keyboard.type("Mara Lindqvist")
    page.keyboard.press("Enter")
    page.wait_for_url("**who=Mara*")
    expect(page.locator("tbody tr").first).to_contain_text("Mara Lindqvist")


#: Replaces each key on a page by dots, wherever its text is.
_HIDE_KEY = r"""() => {
  const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (all.nextNode()) {
    const text = all.currentNode;
    text.data = text.data.replace(/cck_[\w-]+/g, 'cck_' + '•'.repeat(24));
  }
}"""

TASKS = (
    Task("find", "Find a person by a name typed without accents", 1, find),
    Task("why", "See why a connection failed", 1, see_why),
    Task("refresh", "Refresh twenty connections", 4, refresh_twenty),
    Task("stop", "Stop a job", 2, stop_a_job, order_a_job),
    Task("key", "Issue a service key", 3, issue_a_key),
    Task("who", "Read who did what", 2, read_who_did_what),
)


def done(browser: Browser, url: str) -> Iterator[Done]:
    """Do each task as an operator of the demo at `url`."""
    with browsers.watched_page(
        browser, browsers.Complaints(), viewport=SIZE, color_scheme="light", timezone_id="UTC"
    ) as page:
        effort = Effort().watch(page.context)
        tour.sign_in(page, url, "mara")
        for task in TASKS:
            page.goto(f"{url}/operators/tokens")
            task.prepare(page)
            page.goto(f"{url}/operators/tokens")
            effort.presses = 0
            task.do(page)
            # The browser reports a press a moment after it.
            page.wait_for_load_state()
            yield Done(task, effort.presses, _picture(page))


def table(results: Iterable[Done]) -> str:
    """Return the page that lists the tasks."""
    lines = [INTRODUCTION, "| task | clicks | limit | picture |", "| --- | ---: | ---: | --- |"]
    lines += [
        f"| {each.task.words} | {each.clicks} | {each.task.limit} "
        f"| [{file_of(each.task)}]({file_of(each.task)}) |"
        for each in results
    ]
    return "\n".join(lines) + "\n"


def file_of(task: Task) -> str:
    """Return the name of a task's picture."""
    return f"{task.name}.webp"


def main(folder: Path = FOLDER) -> None:
    """Start a demo, do the tasks, and write the pictures and the table."""
    chromium = browsers.find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    with tour.demo(PEOPLE) as url, browsers.chromium(chromium) as browser:
        results = list(done(browser, url))
    folder.mkdir(exist_ok=True)
    for each in results:
        (folder / file_of(each.task)).write_bytes(each.picture)
        sys.stdout.write(f"{each.task.words}: {each.clicks} of {each.task.limit}\n")
    (folder / "README.md").write_text(table(results), encoding="utf-8")
    if any(each.clicks > each.task.limit for each in results):
        raise SystemExit("a task takes more clicks than its limit")


def _word_of_twenty(page: Page) -> tuple[str, int]:
    """Return the beginning of a word that finds twenty people or little more, and how many.

    A refresh can help each of them.
    """
    words = [first + second for first in ascii_lowercase for second in ("", *"aeiou")]
    found = {word: page.request.get(f"{page.url}?q={word}").text() for word in words}
    numbers = {
        word: text.count('name="id"')
        for word, text in found.items()
        if not any(tag in text for tag in _OVER)
    }
    enough = {word: number for word, number in numbers.items() if 20 <= number < 30}
    return min(enough.items(), key=itemgetter(1))


#: As tags of rows, not as filters, which every page has.
_OVER = ('tag bad">', 'tag off">')


def _main_button(page: Page, words: str) -> Locator:
    return page.get_by_role("main").get_by_role("button", name=words)


def _picture(page: Page) -> bytes:
    page.mouse.move(0, 0)
    clip: dict[str, float] = {"x": 0, "y": 0, **SIZE, "scale": SCALE}
    return tour.capture(page, clip, QUALITY)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.looks.tasks", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write them")
    main(parser.parse_args().folder)
