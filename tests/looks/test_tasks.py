"""Six tasks of operators take no more clicks than promised, and docs/tasks says how many."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests import browsers
from tests.looks import tasks, tour


def test_the_table_and_the_pictures_are_of_these_tasks() -> None:
    text = (tasks.FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \| \[(.+?)\]", text, re.M)
    assert [(words, int(limit), picture) for words, _clicks, limit, picture in rows] == [
        (task.words, task.limit, tasks.file_of(task)) for task in tasks.TASKS
    ]
    assert all(0 < int(clicks) <= int(limit) for _words, clicks, limit, _picture in rows)
    pictures = {tasks.file_of(task) for task in tasks.TASKS}
    assert {path.name for path in tasks.FOLDER.iterdir()} == pictures | {"README.md"}


@pytest.fixture(scope="module")
def crowded() -> Iterator[str]:
    """The address of a demo with 500 people."""
    with tour.demo(tasks.PEOPLE) as url:
        yield url


@pytest.mark.browser
@pytest.mark.long
def test_no_task_takes_more_clicks_than_its_limit(browser: Browser, crowded: str) -> None:
    results = list(tasks.done(browser, crowded))
    assert [each.task for each in results] == list(tasks.TASKS)
    assert not [
        f"{each.task.words}: {each.clicks} clicks, at most {each.task.limit}"
        for each in results
        if not 0 < each.clicks <= each.task.limit
    ]


#: Where the rows are: the first one's top, how many are in the window, how high most of them are.
_ROWS = """() => {
  const boxes = [...document.querySelectorAll("tbody tr")].map((e) => e.getBoundingClientRect());
  const heights = boxes.map((box) => box.height).sort((a, b) => a - b);
  return {first: boxes[0].top, whole: boxes.filter((box) => box.bottom <= innerHeight).length,
          usual: heights[heights.length >> 1], sideways: document.documentElement.scrollWidth};
}"""
_FOCUSED = "document.activeElement.closest('#bulkbar') !== null"


@pytest.mark.browser
@pytest.mark.long
def test_the_list_shows_many_rows_and_its_actions_are_near(browser: Browser, crowded: str) -> None:
    complaints = browsers.Complaints()
    with browsers.watched_page(browser, complaints, viewport=tasks.SIZE) as page:
        tour.sign_in(page, crowded, "mara")
        page.goto(f"{crowded}/operators/tokens")
        rows = page.evaluate(_ROWS)
        assert rows["first"] <= 320
        assert rows["whole"] >= 8
        page.locator("tbody [name=id]").first.check()
        page.get_by_role("searchbox").focus()
        presses = 0
        while not page.evaluate(_FOCUSED):
            page.keyboard.press("Tab")
            presses += 1
            assert presses <= 8, "Tab presses from the search to the actions"
        page.set_viewport_size({"width": 360, "height": 740})
        rows = page.evaluate(_ROWS)
        assert rows["sideways"] == 360
        assert rows["usual"] <= 150
        page.mouse.wheel(0, 2_000)
        expect(page.get_by_role("button", name="Disconnect selected…")).to_be_in_viewport()
    assert complaints.unexpected() == []
