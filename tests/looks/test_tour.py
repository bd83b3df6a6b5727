"""The pictures of the README: they are there, described, and small; and the animation plays."""

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.looks import tour
from tests.looks.animation import Frame, NotWebP, animated, chunks_of
from tests.processes import ROOT
from tests.servers import Sandbox

README = (ROOT / "README.md").read_text(encoding="utf-8")
STILL = b"RIFF\x12\x00\x00\x00WEBPVP8 \x05\x00\x00\x00abcde\x00"

#: Plays an animation as a browser does; answers with what it is made of.
_PLAY = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const decoder = new ImageDecoder({data: bytes, type: 'image/webp'});
  await decoder.tracks.ready;
  const track = decoder.tracks.selectedTrack;
  const colors = [];
  const canvas = new OffscreenCanvas(80, 60);
  const context = canvas.getContext('2d');
  let milliseconds = 0;
  for (let frameIndex = 0; frameIndex < track.frameCount; frameIndex++) {
    const {image} = await decoder.decode({frameIndex});
    milliseconds += image.duration / 1000;
    context.drawImage(image, 0, 0);
    for (const [x, y] of [[10, 10], [70, 50]])
      colors.push([...context.getImageData(x, y, 1, 1).data.slice(0, 3)].map((c) => c > 127));
  }
  return {frames: track.frameCount, again: track.repetitionCount === Infinity,
          width: canvas.width, milliseconds, colors};
}"""


_PAINT = """(color) => {
  document.body.replaceChildren();
  document.body.style.background = document.documentElement.style.background = color;
}"""


def test_every_picture_of_the_readme_is_there_and_described() -> None:
    images = re.findall(r"<img\b[^>]*>", README)
    assert len(images) == 2
    for image in images:
        assert re.search(r'\balt="[^"]{40,}"', image), image
    named = re.findall(r'(?:src|srcset)="(docs/[^"]+)"', README)
    assert all((ROOT / name).exists() for name in named)
    toured = {Path(name).name for name in named if name.startswith("docs/tour/")}
    assert {path.name for path in tour.FOLDER.iterdir()} == toured
    assert tour.WALK in toured
    assert "prefers-reduced-motion: reduce" in README, "the walk moves by itself"


def test_the_walk_is_small_and_takes_twenty_seconds() -> None:
    webp = (tour.FOLDER / tour.WALK).read_bytes()
    assert len(webp) <= tour.LARGEST
    lasts = sum(
        int.from_bytes(data[12:15], "little") for name, data in chunks_of(webp) if name == b"ANMF"
    )
    assert 19_000 <= lasts <= 20_000


def test_an_animation_holds_each_frame_at_its_place_for_its_time() -> None:
    made = animated([Frame(STILL, 0, 0, 300, 200, 70), Frame(STILL, 10, 4, 20, 8, 500)], 300, 200)
    assert int.from_bytes(made[4:8], "little") == len(made) - 8
    (head, canvas), (loops, _), *frames = chunks_of(made)
    assert (head, loops) == (b"VP8X", b"ANIM")
    assert canvas[4:] == bytes([43, 1, 0, 199, 0, 0])
    assert [name for name, _ in frames] == [b"ANMF", b"ANMF"]
    second = frames[1][1]
    assert second[:15] == bytes([5, 0, 0, 2, 0, 0, 19, 0, 0, 7, 0, 0, 244, 1, 0])
    assert second[16:] == STILL[12:]


@pytest.mark.parametrize("wrong", [b"", b"\x89PNG", STILL[:-4], b"RIFF\x04\x00\x00\x00WEBP"])
def test_what_is_no_still_webp_is_refused(wrong: bytes) -> None:
    with pytest.raises(NotWebP):
        animated([Frame(wrong, 0, 0, 2, 2, 1)], 2, 2)


def test_a_frame_at_an_odd_place_is_refused() -> None:
    with pytest.raises(NotWebP, match="even"):
        animated([Frame(STILL, 3, 0, 2, 2, 1)], 8, 8)


@pytest.mark.long
def test_a_browser_plays_it(browser: Browser, sandbox_server: Sandbox) -> None:
    page = browser.new_page(viewport={"width": 80, "height": 60})
    try:
        # Only a trustworthy address has ImageDecoder.
        page.goto(sandbox_server.url)
        frames = []
        for color, part in (("#ff0000", (0, 0, 80, 60)), ("#0000ff", (40, 30, 40, 30))):
            page.evaluate(_PAINT, color)
            x, y, width, height = part
            clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
            frames.append(Frame(tour.capture(page, clip, 60), x, y, width, height, 250))
        made = animated(frames, 80, 60)
        played = page.evaluate(_PLAY, base64.b64encode(made).decode())
    finally:
        page.close()
    red, blue = [True, False, False], [False, False, True]
    assert played == {
        "frames": 2,
        "again": True,
        "width": 80,
        "milliseconds": 500,
        "colors": [red, red, red, blue],
    }
