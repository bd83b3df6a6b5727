"""No comment, docstring or page cites a file, a heading or a decision that is not there."""

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from tests.processes import ROOT

#: Folders that are not part of the repository (.gitignore).
_NOT_OURS = {".git", ".venv", ".tools", "instance", "node_modules", "__pycache__"}
_CACHES = re.compile(r"\..*_cache$|\.hypothesis$")
_KINDS = "py|md|txt|toml|html|css|js|json|yml|yaml|po|svg|webp|ini|mako"
#: A file as one writes it: `docs/api.md`, `refusals.py`; not a part of an address or of code.
_FILE = re.compile(rf"(?<![\w/.@:~%*-])\.?\w[\w.-]*(?:/[\w.-]+)*\.(?:{_KINDS})(?![\w(/*]|\.\w)")
_DECISION = re.compile(r"\bdecisions/([0-9]{4})\b")
_LINK = re.compile(r"\]\(([^()\s]+)\)|(?:src|srcset)=\"([^\"\s]+)\"")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
#: Kind of file → its comments. Markdown is read whole, Python by its own tokens.
_COMMENTS = {
    "html": re.compile(r"\{#.*?#\}|<!--.*?-->", re.DOTALL),
    "css": re.compile(r"/\*.*?\*/", re.DOTALL),
    "js": re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL),
}
_HASH = re.compile(r"(?:^|\s)#[^\n]*")
#: Names that end like a file of ours and are none.
_NAMES = frozenset({"Node.js", "Next.js", "Auth.js"})
#: What an operator adds, what the app answers without a file, what is generated, what is absent.
_ABSENT = frozenset(
    {
        "static/brand/tiktok-button.svg",
        "robots.txt",
        "sbom.json",
        "security.txt",
        "extensions.py",
    }
)


@cache
def repository() -> frozenset[str]:
    """Return every file of the repository, as one writes it there."""
    found: set[str] = set()
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [each for each in inner if each not in _NOT_OURS and not _CACHES.match(each)]
        found |= {(Path(folder) / name).relative_to(ROOT).as_posix() for name in names}
    return frozenset(found)


def read(path: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def prose(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of what people read in a file: pages, comments and docstrings."""
    kind = path.rpartition(".")[2]
    if kind == "md":
        yield 1, text
    elif kind == "py":
        yield from _python(text)
    else:
        for found in _COMMENTS.get(kind, _HASH).finditer(text):
            yield text.count("\n", 0, found.start()) + 1, found[0]


def _python(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and (docstring := ast.get_docstring(node, clean=False)):
            yield node.body[0].lineno, docstring


def missing(path: str, text: str) -> list[str]:
    """Return every citation in this text of a file at `path` that leads nowhere."""
    found = []
    # Telling comments from code takes seconds for all files, and few have anything to look at.
    for line, said in prose(path, text) if _may_lead_nowhere(path, text) else ():
        for match in _FILE.finditer(said):
            if not _is_there(path, match[0]):
                found.append(_place(path, line, said, match))
        for match in _DECISION.finditer(said):
            if not any(each.startswith(f"docs/{match[0]}") for each in repository()):
                found.append(_place(path, line, said, match))
    if path.endswith(".md"):
        found += [f"{path}: {link}" for link in _links(text) if not _leads(path, link)]
    return found


def _may_lead_nowhere(path: str, text: str) -> bool:
    """Return True if a file, code included, has what looks like a citation of nothing."""
    files = (match[0] for match in _FILE.finditer(text))
    return bool(_DECISION.search(text)) or not all(_is_there(path, cited) for cited in files)


def _place(path: str, line: int, said: str, match: re.Match[str]) -> str:
    return f"{path}:{line + said.count(chr(10), 0, match.start())}: {match[0]}"


def _is_there(path: str, cited: str) -> bool:
    """Return True if a file has this path from the root, from the citing file, or as its end."""
    first = cited.partition("/")[0]
    if cited in _NAMES | _ABSENT or ("/" in cited and "." in first[1:]):
        # A name, or a page of a website.
        return True
    return _resolved(path, cited) in repository() or cited in _ends()


@cache
def _ends() -> frozenset[str]:
    """Return every file with all, some or none of the folders it is in."""
    parts = [each.split("/") for each in repository()]
    return frozenset("/".join(p[depth:]) for p in parts for depth in range(len(p)))


def _links(text: str) -> Iterator[str]:
    for link, source in _LINK.findall(_FENCED.sub("", text)):
        if "://" not in (link or source):
            yield link or source


def _leads(path: str, link: str) -> bool:
    target, _, anchor = link.partition("#")
    # GitHub's own pages beside the repository.
    if target.startswith("../../actions/"):
        return True
    there = _resolved(path, target) if target else path
    if not anchor:
        return there in repository() or any(each.startswith(f"{there}/") for each in repository())
    return there in repository() and anchor in _anchors(read(there))


def _resolved(path: str, cited: str) -> str:
    return os.path.normpath(PurePosixPath(path).parent / cited)


def _anchors(text: str) -> set[str]:
    """Return the headings of a page as GitHub makes anchors of them."""
    headings = _HEADING.findall(_FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def is_read(path: str) -> bool:
    """Return True for files that people read and write: not pictures, not generated ones."""
    name = path.rpartition("/")[2]
    kinds = (".py", ".md", ".toml", ".yml", ".txt", ".html", ".css", ".js", ".example", ".mako")
    made = name in {"package-lock.json"} or path == "static/style.css"
    return not made and (path.endswith(kinds) or path in (".ci/run", "Makefile"))


def test_whatever_is_cited_is_there() -> None:
    paths = sorted(filter(is_read, repository()))
    assert len(paths) > 500
    found = [each for path in paths for each in missing(path, read(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        ("docs/api.md", "See [the guide](nowhere.md)."),
        ("docs/api.md", "See [the guide](deploy.md#no-such-heading)."),
        ("docs/api.md", "It is in `webapp/nowhere.py`."),
        ("docs/api.md", "It is in nowhere.md."),
        ("docs/api.md", "As docs/decisions/9999 says."),
        ("README.md", '<img src="docs/screens/nowhere.webp">'),
        ("webapp/app.py", "# As tests/nowhere.py proves.\n"),
        ("webapp/app.py", '"""Begins here, see docs/nowhere.md."""\n'),
        ("webapp/app.py", 'def begin():\n    """Begin (nowhere.py)."""\n'),
        ("templates/layout.html", "{# As in templates/nowhere.html. #}"),
        ("static/css/base.css", "/* See docs/nowhere.md. */"),
        ("static/js/app.js", "// See docs/nowhere.md.\n"),
        (".env.example", "# See docs/nowhere.md.\n"),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(path: str, planted: str) -> None:
    assert len(missing(path, planted)) >= 1


@pytest.mark.parametrize(
    ("path", "planted"),
    [
        (
            "docs/api.md",
            "See [the guide](deploy.md#https), [above](#webhooks) or ../README.md.",
        ),
        (
            "docs/api.md",
            "Next.js, https://a.example/page.html, /operators/tokens.json, `a.json()`.",
        ),
        ("webapp/app.py", 'PATH = "docs/nowhere.md"  # test_style.py, tests/rules/test_style.py\n'),
        ("README.md", '<img src="docs/screens/tokens-light-1280.webp">'),
    ],
)
def test_other_words_are_let_be(path: str, planted: str) -> None:
    assert missing(path, planted) == []
