"""The requirements*.txt files as lists of what they pin, and what can be wrong with one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.processes import ROOT

#: Source of a lock → the lock. `make lock` knows the same ones, in this order.
LOCKS = {
    f"requirements{kind}.in": f"requirements{kind}.txt"
    for kind in ("", "-postgres", "-dev", "-tools")
}
#: The lowest versions that we accept of the packages that our security depends on most.
FLOORS = {
    "authlib": "1.9.9",
    "flask": "3.1.3",
    "werkzeug": "3.1.9",
    "gunicorn": "27.0",
    "cryptography": "46",
    "requests": "2.32",
}
_HASH = re.compile(r"--hash=(\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Pinned:
    """One entry of a lock."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name as package indexes compare it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version | None:
        """The one version that the entry allows; None if it allows others."""
        exact = [each.version for each in self.requirement.specifier if each.operator == "=="]
        only = len(exact) == len(self.requirement.specifier) == 1 and "*" not in exact[0]
        return Version(exact[0]) if only else None

    @property
    def is_for_here(self) -> bool:
        """True if this machine installs it."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def read(path: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def lines(text: str) -> Iterator[str]:
    """Yield the lines of a requirements file, joined where they continue, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if plain := re.sub(r"(^|\s)#.*", "", line).strip():
            yield plain


def pinned(text: str) -> list[Pinned]:
    """Return the entries of a lock; `faults` finds what else is in it."""
    return [
        Pinned(Requirement(_HASH.sub("", line).strip()), tuple(_HASH.findall(line)))
        for line in lines(text)
        if not line.startswith("-")
    ]


def asked(text: str) -> list[Requirement]:
    """Return the requirements that a source names itself."""
    return [Requirement(line) for line in lines(text) if not line.startswith("-")]


def faults(text: str) -> list[str]:
    """Return what makes a lock less than a lock: an entry that isn't pinned or has no hash, …

    A line that names a package index or a file would install from elsewhere than pip is set to.
    """
    found = [line for line in lines(text) if line.startswith("-")]
    found += [f"{url}" for url in re.findall(r"\S*://\S*", text)]
    for each in pinned(text):
        if each.version is None or each.requirement.url:
            found.append(f"{each.name}: not one version")
        if not each.hashes or not all(map(_SHA256.fullmatch, each.hashes)):
            found.append(f"{each.name}: no hash")
    return found


def unmet(source: str, lock: str) -> list[str]:
    """Return the requirements of a source that its lock doesn't install."""
    versions = {each.name: each.version for each in pinned(lock) if each.version}
    found = []
    for each in asked(source):
        version = versions.get(canonicalize_name(each.name))
        if version is None or not each.specifier.contains(version, prereleases=True):
            found.append(str(each))
    return found


def too_old(lock: str, floors: Mapping[str, str] = FLOORS) -> list[str]:
    """Return the entries of a lock that are below their floor."""
    return [
        f"{each.name}=={each.version}"
        for each in pinned(lock)
        if each.version and each.version < Version(floors.get(each.name, "0"))
    ]
