"""Everything that is installed is pinned with hashes, new enough, and what the tests ran with."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import distributions

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.processes import ROOT
from tests.rules.locks import FLOORS, LOCKS, faults, lines, pinned, read, too_old, unmet

RUNS = "requirements.txt"
TESTED = "requirements-dev.txt"
HASH = f"--hash=sha256:{'0' * 64}"
#: A lock in which nothing is wrong.
SOUND = f"flask==3.1.3 \\\n    {HASH}\n    # via -r requirements.in\nidna==3.20 {HASH}\n"


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_pins_everything_with_hashes_and_names_no_index(lock: str) -> None:
    text = read(lock)
    assert len(pinned(text)) > 20
    assert not faults(text)


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ("flask==3.1.3\n", "flask: no hash"),
        ("flask==3.1.3 --hash=md5:0123\n", "flask: no hash"),
        (f"flask>=3.1.3 {HASH}\n", "flask: not one version"),
        (f"flask==3.1.* {HASH}\n", "flask: not one version"),
        (f"flask {HASH}\n", "flask: not one version"),
        (f"flask @ https://index.example/flask.whl {HASH}\n", "flask: not one version"),
        ("--index-url https://index.example/simple\n", "https://index.example/simple"),
        ("# from https://index.example/simple\n", "https://index.example/simple"),
        ("--find-links /wheels\n", "--find-links /wheels"),
    ],
)
def test_what_is_no_lock_is_found(planted: str, fault: str) -> None:
    assert not faults(SOUND)
    assert fault in faults(SOUND + planted)


@pytest.mark.parametrize(("source", "lock"), LOCKS.items())
def test_a_lock_has_what_its_source_asks_for(source: str, lock: str) -> None:
    assert not unmet(read(source), read(lock)), "run `make lock`"


@pytest.mark.parametrize("asked", ["flask==3.1.4", "Flask>=4", "babel==2.18.0"])
def test_a_lock_that_is_behind_its_source_is_found(asked: str) -> None:
    assert unmet(f"{asked}  # a reason\n", SOUND) == [asked]
    assert unmet("Flask==3.1.3\n-r others.in\n", SOUND) == []


def versions(entries: Iterable[str]) -> set[str]:
    """Return the entries without their markers: the tests need some packages everywhere."""
    return {each.partition(";")[0].strip() for each in entries}


def test_a_lock_includes_what_it_builds_on() -> None:
    runs, with_postgres, tested = (
        {str(each.requirement): each.hashes for each in pinned(read(LOCKS[source]))}
        for source in ("requirements.in", "requirements-postgres.in", "requirements-dev.in")
    )
    assert runs.items() < with_postgres.items()
    assert versions(with_postgres) < versions(tested)


def test_one_version_of_each_package_is_installed_everywhere() -> None:
    for lock in LOCKS.values():
        names = [each.name for each in pinned(read(lock))]
        assert len(names) == len(set(names)), lock


@pytest.mark.parametrize("lock", [RUNS, "requirements-postgres.txt", TESTED])
def test_no_version_is_below_its_floor(lock: str) -> None:
    text = read(lock)
    assert {each.name for each in pinned(text)} >= FLOORS.keys()
    assert not too_old(text)


@pytest.mark.parametrize("name", FLOORS)
def test_a_version_below_its_floor_is_found(name: str) -> None:
    lock = read(RUNS)
    planted = re.sub(rf"(?m)^{name}==\S+", f"{name}==0.9", lock)
    assert planted != lock
    assert too_old(planted) == [f"{name}==0.9"]
    below = re.sub(rf"(?m)^{name}==\S+", f"{name}=={FLOORS[name]}rc1", lock)
    assert too_old(below) == [f"{name}=={Version(f'{FLOORS[name]}rc1')}"]
    at_floor = re.sub(rf"(?m)^{name}==\S+", f"{name}=={FLOORS[name]}", lock)
    assert not too_old(at_floor)


def test_the_tests_ran_with_what_is_locked() -> None:
    here = {canonicalize_name(each.name): Version(each.version) for each in distributions()}
    locked = {each.name: each.version for each in pinned(read(TESTED)) if each.is_for_here}
    assert {name: here.get(name) for name in locked} == locked, (
        "install requirements-dev.txt, or run `make lock`"
    )


def test_the_oldest_python_that_is_supported_is_locked_for() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["tool"]["mypy"]["python_version"]
    makefile = read("Makefile")
    assert f"--universal --python-version {version} --generate-hashes" in makefile
    assert f"LOCKS := {' '.join(lock.removesuffix('.txt') for lock in LOCKS.values())}" in makefile
    for source, lock in LOCKS.items():
        # Dependabot runs the command of this line.
        assert f"--python-version {version} --generate-hashes {source} -o {lock}" in read(lock)


def test_dependabot_watches_everything_that_is_pinned() -> None:
    watched = dict(
        re.findall(
            r"package-ecosystem: ([\w-]+)\n\s+directory: (\S+)", read(".github/dependabot.yml")
        )
    )
    assert watched == {"uv": "/", "npm": "/tests/looks", "github-actions": "/"}


def test_sources_hold_exact_versions_with_a_reason_each() -> None:
    for source in LOCKS:
        for line in read(source).splitlines():
            if line and not line.startswith(("#", "-")):
                assert re.fullmatch(r"[\w\[\]-]+==\S+ +# .+", line), line
        assert list(lines(read(source)))
