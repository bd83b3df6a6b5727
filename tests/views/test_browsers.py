"""A browser is told from its header in words that people know, or not at all."""

import pytest

from webapp.views.http.session import recognize
from webapp.views.http.template_filters import browser_name

_MOZ = "Mozilla/5.0"
_KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (f"{_MOZ} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            f"{_MOZ} (Windows NT 10.0; Win64; x64) {_KIT} Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        (
            f"{_MOZ} (Macintosh; Intel Mac OS X 10_15_7) {_KIT} Chrome/156.0 Safari/537.36",
            "Chrome on Mac",
        ),
        (
            f"{_MOZ} (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} Version/18.5 Safari/605.1.15",
            "Safari on Mac",
        ),
        (
            f"{_MOZ} (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_APPLE} Version/18.5 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            f"{_MOZ} (iPad; CPU OS 16_6 like Mac OS X) {_APPLE} CriOS/126.0 Safari/604.1",
            "Chrome on iPad",
        ),
        (
            f"{_MOZ} (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_APPLE} FxiOS/140 Safari/605",
            "Firefox on iPhone",
        ),
        (
            f"{_MOZ} (Linux; Android 10; K) {_KIT} Chrome/156.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            f"{_MOZ} (Linux; Android 14) {_KIT} SamsungBrowser/25.0 Chrome/121.0 Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            f"{_MOZ} (Linux; Android 14; wv) {_KIT} Chrome/126 BytedanceWebview/d8 musical_ly_2023",
            "TikTok on Android",
        ),
        (
            f"{_MOZ} (X11; CrOS x86_64 14541.0.0) {_KIT} Chrome/156.0 Safari/537.36",
            "Chrome on ChromeOS",
        ),
        (
            f"{_MOZ} (Windows NT 10.0) {_KIT} Chrome/156.0 Safari/537.36 OPR/120.0",
            "Opera on Windows",
        ),
        (
            f"{_MOZ} (X11; Linux x86_64) {_KIT} HeadlessChrome/156.0 Safari/537.36",
            "Chrome on Linux",
        ),
        ("SomeBrowser/1.0 (Android)", "Unknown browser on Android"),
        ("Firefox/1.0", "Firefox"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
        ("x" * 8000 + "Firefox/1.0 (Windows)", "Unknown browser"),
        ("<b>Firefox/</b> \N{RIGHT-TO-LEFT OVERRIDE}", "Firefox"),
    ],
)
def test_a_header_becomes_two_words(header: str, words: str) -> None:
    assert browser_name(*recognize(header)) == words
