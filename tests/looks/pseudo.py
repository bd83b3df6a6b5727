"""A language that nobody speaks: every message of ours with strange letters, and longer.

What still stands there in plain letters afterwards never went through gettext. Never shipped.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

from babel.messages import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po, write_po

from tests.processes import ROOT
from webapp import language

#: Babel writes dates and lists of these in letters of their own, so those do not look like ours.
CODES = ("el", "ar")
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRANGE = str.maketrans(PLAIN, "ãƀçđéƒĝĥîĵķļɱñöƥɋŕšţûṽŵẋýžÅƁÇĐÉƑĜĤÎĴĶĻṀÑÖƤɊŔŠŢÛṼŴẊÝŽ")
#: Gaps, tags and entities stay as they are.
KEPT = re.compile(r"(%\(\w+\)[sd]|%%|<[^>]*>|&\w+;)")
#: Languages need up to so much more room than English.
LONGER = 0.4


def strange(message: str) -> str:
    """Return a message as the language that nobody speaks has it."""
    parts = KEPT.split(message)
    letters = sum(len(part) for part in parts[::2])
    more = "öñ " * (int(letters * LONGER) // 3)
    said = "".join(p if n % 2 else p.translate(STRANGE) for n, p in enumerate(parts))
    return f"[!! {said} {more}!!]"


def catalogues(folder: Path) -> None:
    """Write a catalogue for each of CODES, of all that the code and the templates mark."""
    template = _template(folder / "messages.pot")
    for code in CODES:
        made = Catalog(locale=code)
        for message in template:
            if not message.id:
                continue
            if isinstance(message.id, tuple):
                forms = (strange(message.id[1]),) * made.num_plurals
                made.add(message.id, forms, flags=message.flags)
            else:
                made.add(message.id, strange(message.id), flags=message.flags)
        path = folder / code / "LC_MESSAGES" / "messages.po"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            write_po(file, made)


def _template(path: Path) -> Catalog:
    """Return what `pybabel extract` finds."""
    words = ["pybabel", "-q", "extract", "-F", str(ROOT / "pyproject.toml"), "-k", "_", "-k", "N_"]
    silence = StringIO()
    with redirect_stdout(silence), redirect_stderr(silence):
        CommandLineInterface().run([*words, "-o", str(path), str(ROOT)])
    with path.open("rb") as file:
        return read_po(file)


@contextmanager
def spoken(code: str, folder: Path) -> Iterator[ModuleType]:
    """Let the app speak a language of this folder until the block ends; yield its scenes.

    The scenes are made again: what they hold was said in English when they were imported.
    """
    # The package too: it remembers its modules, whatever `sys.modules` says.
    kept = {name: sys.modules.pop(name) for name in _ours()}
    # Requests that end, end with `use("en")`; here nothing else is ever spoken.
    always = SimpleNamespace(get=lambda: code, set=lambda _code: None)
    language.language.cache_clear()
    try:
        with (
            mock.patch.object(language, "FOLDER", folder),
            mock.patch.object(language, "_current", always),
        ):
            yield import_module("tests.views.scenes")
    finally:
        language.language.cache_clear()
        for name in _ours():
            del sys.modules[name]
        sys.modules.update(kept)


def _ours() -> list[str]:
    return [name for name in sys.modules if f"{name}.".startswith("tests.views.")]
