"""Makes the README's pictures: `python -m tests.looks.tour`; writes to docs/tour alone.

Two wide ones (light and dark) and an animated walk, taken of a running demo. So times and the
order of people differ a little each time.
"""

import argparse
import base64
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from tests import browsers
from tests.looks.animation import Frame, animated
from tests.processes import ROOT, Process, plain_environment, reserved_port, running

FOLDER = ROOT / "docs" / "tour"
WALK = "walk.webp"
#: How long the walk takes, in milliseconds, and how large the file may become, in bytes.
LENGTH = 20_000
LARGEST = 1_500_000
SIZE = {"width": 1200, "height": 750}
PEOPLE = 240
#: Of a hundred: letters are clean in motion, and clean when looked at.
QUALITY_IN_MOTION = 60
QUALITY = 75
#: The pointer: how large its part of a picture is, in how many steps it moves, and how long each
#: of them and a press take, in milliseconds.
POINTER = 56
STEPS = 6
STEP, PRESS = 45, 220

#: Draws the pointer and the line that says what is being done. By script, as the pages allow no
#: styles of others.
_DRAW = """([x, y, pressed, words]) => {
  const make = (id, style, html) => {
    let it = document.getElementById(id);
    if (!it) { it = document.createElement('div'); it.id = id; document.body.append(it); }
    Object.assign(it.style, {position: 'fixed', zIndex: 99999, pointerEvents: 'none'}, style);
    it.replaceChildren(...html);
    return it;
  };
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('width', '28'); svg.setAttribute('height', '34');
  svg.setAttribute('viewBox', '0 0 28 34');
  const arrow = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  arrow.setAttribute('d', 'M2 2v24l6-6 4 10 5-2-4-9h9z');
  arrow.setAttribute('fill', '#16202c'); arrow.setAttribute('stroke', '#fff');
  arrow.setAttribute('stroke-width', '2');
  svg.append(arrow);
  make('tour-pointer', {left: `${x}px`, top: `${y}px`}, [svg]);
  make('tour-ring', {
    left: `${x - 14}px`, top: `${y - 14}px`, width: '32px', height: '32px', borderRadius: '50%',
    border: '3px solid #d9480f', display: pressed ? 'block' : 'none', boxSizing: 'border-box',
  }, []);
  make('tour-words', {
    left: '50%', bottom: '20px', transform: 'translateX(-50%)', padding: '10px 20px',
    borderRadius: '999px', background: '#16202c', color: '#fff', whiteSpace: 'nowrap',
    font: '600 18px system-ui, sans-serif', display: words ? 'block' : 'none',
    boxShadow: '0 4px 18px rgb(0 0 0 / .35)',
  }, [words]);
}"""


@dataclass
class Film:
    """The frames so far; `hold` frames share what the others leave of the time."""

    scale: float
    frames: list[Frame] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    at: tuple[float, float] = (860.0, 470.0)

    def scene(self, page: Page, words: str) -> None:
        """Add the whole page, to be looked at, with the line `words`."""
        self._draw(page, words=words)
        self.held.append(len(self.frames))
        self._take(page, 0, 0, SIZE["width"], SIZE["height"], 0)

    def press(self, page: Page, target: Locator) -> None:
        """Move the pointer to `target` and press it."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        if box is None:
            raise SystemExit(f"nothing to press on {page.url}: {target}")
        goal = box["x"] + min(box["width"] / 2, 90), box["y"] + box["height"] / 2
        start = self.at
        for step in range(1, STEPS + 1):
            part = step / STEPS
            self._move(
                page,
                (start[0] + (goal[0] - start[0]) * part, start[1] + (goal[1] - start[1]) * part),
            )
        self._move(page, goal, pressed=True)
        self._draw(page)
        target.click()

    def finished(self) -> bytes:
        """Return the animation, which takes LENGTH."""
        moving = sum(frame.milliseconds for frame in self.frames)
        each = (LENGTH - moving) // len(self.held)
        frames = list(self.frames)
        for number in self.held:
            was = frames[number]
            frames[number] = Frame(was.webp, was.x, was.y, was.width, was.height, each)
        return animated(frames, *(round(SIZE[side] * self.scale) for side in ("width", "height")))

    def _move(self, page: Page, to: tuple[float, float], *, pressed: bool = False) -> None:
        before, self.at = self.at, to
        self._draw(page, pressed=pressed)
        xs, ys = zip(before, to, strict=True)
        left, top = self._even(min(xs) - 20), self._even(min(ys) - 20)
        right = min(SIZE["width"], self._even(max(xs) + POINTER))
        bottom = min(SIZE["height"], self._even(max(ys) + POINTER))
        milliseconds = PRESS if pressed else STEP
        self._take(page, left, top, right - left, bottom - top, milliseconds)

    def _draw(self, page: Page, *, pressed: bool = False, words: str | None = None) -> None:
        line = self._words(page) if words is None else words
        page.evaluate(_DRAW, [*self.at, pressed, line])

    @staticmethod
    def _words(page: Page) -> str:
        found: str = page.evaluate("document.getElementById('tour-words')?.textContent ?? ''")
        return found

    def _even(self, at: float) -> int:
        """Return a coordinate that is even in the picture, too."""
        step = round(2 / self.scale)
        return max(0, int(at // step) * step)

    def _take(self, page: Page, x: int, y: int, width: int, height: int, milliseconds: int) -> None:
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": self.scale}
        webp = capture(page, clip, QUALITY_IN_MOTION)
        parts = (round(number * self.scale) for number in (x, y, width, height))
        self.frames.append(Frame(webp, *parts, milliseconds))


def capture(page: Page, clip: dict[str, float], quality: int) -> bytes:
    """Return a part of what the window shows, as WebP."""
    session = page.context.new_cdp_session(page)
    options: dict[str, Any] = {"format": "webp", "quality": quality}
    scroll = page.evaluate("[window.scrollX, window.scrollY]")
    clip = clip | {"x": clip["x"] + scroll[0], "y": clip["y"] + scroll[1]}
    shot = session.send("Page.captureScreenshot", options | {"clip": clip})
    session.detach()
    return base64.b64decode(shot["data"])


def main(scale: float = 1.0, folder: Path = FOLDER) -> None:
    """Start a demo, walk through it, and write the pictures."""
    chromium = browsers.find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    folder.mkdir(exist_ok=True)
    with demo() as url, browsers.chromium(chromium) as browser:
        film = walk(browser, url, scale)
        (folder / WALK).write_bytes(film)
        for theme in ("light", "dark"):
            (folder / f"hero-{theme}.webp").write_bytes(hero(browser, url, theme, scale))
    for path in sorted(folder.iterdir()):
        sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")
    if len(film) > LARGEST:
        raise SystemExit(f"{WALK} is larger than {LARGEST:,} bytes: lower QUALITY_IN_MOTION")


@contextmanager
def demo(people: int = PEOPLE) -> Iterator[str]:
    """Run a demo with many people; yield its address."""
    with reserved_port() as port, tempfile.TemporaryDirectory() as name:
        words = [sys.executable, "wsgi.py", "--people", str(people)]
        env = plain_environment() | {"PORT": str(port)}
        try:
            with running(Process(words, Path(name) / "log", env=env)) as process:
                found = process.wait_for(
                    lambda: re.search(r"is at (http://127\.0\.0\.1:[0-9]+)", process.output()), 90
                )
                yield found.group(1)
        finally:
            shutil.rmtree(ROOT / "instance" / "demo" / str(port), ignore_errors=True)


def walk(browser: Browser, url: str, scale: float) -> bytes:
    """Return the animated walk: someone connects, and an operator looks after connections."""
    film = Film(scale)
    with _window(browser) as page:
        _connect(film, page, url)
    with _window(browser) as page:
        sign_in(page, url, "mara")
        _look_after(film, page, url)
    return film.finished()


def _connect(film: Film, page: Page, url: str) -> None:
    page.goto(url)
    film.scene(page, "Noor connects her TikTok account")
    film.press(page, page.get_by_text("Continue with TikTok").first)
    page.wait_for_url("**/connect")
    film.press(page, page.locator("input[name=scopes]").first)
    film.scene(page, "She chooses what to allow")
    film.press(page, page.locator("main form[action$='/connect'] button").last)
    page.wait_for_url("**/v2/auth/authorize/**")
    page.locator("input[value=noor]").check()
    film.scene(page, "TikTok asks her (here: the mock TikTok)")
    film.press(page, page.locator("button[value=allow]"))
    page.wait_for_url("**/connected")
    film.scene(page, "Connected: here is her ticket")
    film.press(page, page.locator("main a[href$='/account']").first)
    page.wait_for_url("**/account")
    film.scene(page, "She can check or end the connection at any time")


def _look_after(film: Film, page: Page, url: str) -> None:
    page.goto(f"{url}/operators/tokens")
    film.scene(page, "Operators see every connection")
    page.goto(f"{url}/operators/tokens?status=failing")
    film.scene(page, "Whose refreshes are failing?")
    film.press(page, page.locator("main a[href*='/operators/tokens/-']").first)
    page.wait_for_url("**/operators/tokens/-*")
    film.scene(page, "Why it fails, and when it is tried again")
    page.goto(f"{url}/operators/tokens?status=healthy")
    for box in page.locator("main tbody input[name=id]").all()[:8]:
        box.check()
    refresh = page.locator(
        "main form[action$='/tokens/refresh'] button:not([formaction]):visible,"
        " main button[formaction$='/tokens/refresh']:visible"
    ).first
    refresh.scroll_into_view_if_needed()
    film.scene(page, "Refresh eight of them")
    film.press(page, refresh)
    page.locator("main form[action$='/tokens/refresh'] button").first.wait_for()
    film.scene(page, "Nothing happens before it is confirmed")
    film.press(page, page.locator("main form[action$='/tokens/refresh'] button").last)
    page.wait_for_url("**/operators/bulk/*")
    # It takes about a second, and the page renews itself.
    page.wait_for_timeout(4_000)
    page.reload()
    film.scene(page, "The worker does the rest")
    page.goto(f"{url}/operators/health")
    film.scene(page, "Is everything all right?")
    page.goto(f"{url}/operators/audit")
    film.scene(page, "Who did what, and when")


@contextmanager
def _window(browser: Browser, **options: Any) -> Iterator[Page]:
    wanted = {"viewport": SIZE, "color_scheme": "light", "timezone_id": "UTC"} | options
    with browsers.watched_page(browser, browsers.Complaints(), **wanted) as page:
        yield page


def sign_in(page: Page, url: str, person: str) -> None:
    """Sign in as a person of the demo."""
    page.goto(f"{url}/connect")
    page.locator("main form[action$='/connect'] button").last.click()
    page.wait_for_url("**/v2/auth/authorize/**")
    page.locator(f"input[value={person}]").check()
    page.locator("button[value=allow]").click()
    page.wait_for_url(f"{url}/**")


def hero(browser: Browser, url: str, theme: str, scale: float) -> bytes:
    """Return a wide picture: the operators' list, and a person's account on a phone before it."""
    with _window(browser, color_scheme=theme, viewport={"width": 1280, "height": 800}) as page:
        sign_in(page, url, "mara")
        page.goto(f"{url}/operators/tokens")
        wide = page.screenshot()
    phone = {"width": 360, "height": 700}
    with _window(browser, color_scheme=theme, viewport=phone, device_scale_factor=2) as page:
        sign_in(page, url, "noor")
        page.goto(f"{url}/account")
        narrow = page.screenshot()
    with _window(browser, viewport={"width": 1600, "height": 800}) as page:
        page.set_content(_hero_page(wide, narrow, theme))
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        clip = {"x": 0, "y": 0, "width": 1600, "height": 800, "scale": scale}
        return capture(page, clip, QUALITY)


def _hero_page(wide: bytes, narrow: bytes, theme: str) -> str:
    paper, edge = ("#f6e7c1", "#c9b06a") if theme == "light" else ("#2a2314", "#5d4f2a")
    first, second = (base64.b64encode(each).decode() for each in (wide, narrow))
    return f"""<!doctype html><style>
      body {{ margin: 0; height: 800px; overflow: hidden; position: relative;
              background: {paper} }}
      img {{ position: absolute; border: 1px solid {edge}; box-shadow: 0 18px 50px #0005 }}
      .wide {{ left: 70px; top: 56px; width: 1240px; border-radius: 14px }}
      .narrow {{ right: 70px; top: 185px; width: 330px; border-radius: 30px;
                 border: 9px solid #16202c }}
    </style><img class="wide" src="data:image/png;base64,{first}">
    <img class="narrow" src="data:image/png;base64,{second}">"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.looks.tour", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="0.5 for small, quick ones")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write them")
    given = parser.parse_args()
    main(given.scale, given.folder)
