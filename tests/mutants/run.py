"""Mutation testing: changes one expression at a time, and reports each change that no test noticed.

`make mutants` runs it. mutmut makes the mutants; this module draws a sample with a fixed seed and
runs the tests of the area. Every mutant runs in a fork of one process in which the tests have
passed, so nothing is imported, migrated or started a second time.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from tests.mutants.areas import AREAS, Area
from tests.mutants.results import RESULTS, change
from tests.processes import ROOT

#: Tests with one of these call a process, which runs the code as it is.
SERVERS = {"serve", "server", "browser", "postgres_server"}
#: A mutant may use this many seconds of CPU, and as many more times as long as the tests do.
SPARE, TIMES = 20, 5


class Mutated(SourceFileLoader):
    """Compiles a module with all its mutants in it, each behind a switch."""

    def __init__(self, name: str, path: str, file: MutatedFile) -> None:
        """Take the module's name and file, and what mutmut made of it."""
        super().__init__(name, path)
        self._file = file

    def path_stats(self, path: str) -> Any:
        """Keep the compiled module out of the cache, where the app would find it."""
        raise OSError

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:
        """Compile the mutants in place of the source."""
        code: CodeType = compile(self._file.code, path, "exec", dont_inherit=True)
        return code


class Finder(MetaPathFinder):
    """Finds the modules of one area in their mutated form."""

    def __init__(self, area: Area) -> None:
        """Mutate every module of the area."""
        self.files = {
            module: mutate_file_contents(str(file), file.read_text(encoding="utf-8"))
            for module, file in area.modules.items()
        }

    @property
    def mutants(self) -> list[str]:
        """Every mutant as `module.function`."""
        return [f"{module}.{n}" for module, file in self.files.items() for n in file.mutant_names]

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Return the mutated module; None if it isn't one of the area."""
        if name not in self.files:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = Mutated(name, spec.origin, self.files[name])
        return spec

    def change(self, mutant: str) -> dict[str, str]:
        """Return what a mutant changes: the file, the function, and the lines before and after."""
        module = mutant.rpartition(".")[0]
        file, name = self.files[module], mutant.rpartition(".")[2]
        lines = file.code.splitlines()
        original = f"{mangled_name_from_mutant_name(name)}__mutmut_orig"
        before, after = (
            [line.replace(each, "") for line in lines[span.start - 1 : span.end]]
            for each in (original, name)
            if (span := file.line_span_by_function_name[each])
        )
        return change(f"{module.replace('.', '/')}.py", name, before, after)


class Runner:
    """Replaces pytest's loop: all tests once, then for each mutant those that reach it."""

    def __init__(self, chosen: list[str], seconds: float) -> None:
        """Take the mutants to try, and how much CPU time the tests of one may take."""
        self.chosen = chosen
        self.seconds = seconds
        self.failed = False
        self.verdicts: dict[str, str] = {}
        self._tests: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        self._seconds: dict[str, float] = {}
        #: Test → how many functions of the area it reaches.
        self._reach: dict[str, int] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what runs elsewhere; in the order of files, fixtures can outlive a test."""
        items[:] = [each for each in items if SERVERS.isdisjoint(getattr(each, "fixturenames", ()))]
        items.sort(key=lambda item: item.path)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notice a failure."""
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests as they are, then every mutant."""
        first = session.items[0]
        set_mutant_under_test("stats")
        for item, following in zip(session.items, [*session.items[1:], first], strict=True):
            began = time.process_time()
            self._run(item, following)
            if self.failed:
                say(f"left out, because it fails without a mutant: {item.nodeid}")
                self.failed = False
                state()._stats.clear()
                continue
            self._seconds[item.nodeid] = time.process_time() - began
            self._reach[item.nodeid] = len(state()._stats)
            for function in state()._stats:
                self._tests[function].append(item)
            state()._stats.clear()
        set_mutant_under_test("")
        say(f"{len(session.items)} tests in {sum(self._seconds.values()):.0f} s of CPU time")
        for number, mutant in enumerate(self.chosen, 1):
            self.verdicts[mutant] = self._try(mutant, first)
            say(f"{number}/{len(self.chosen)} {self.verdicts[mutant]} {mutant}")
        return True

    def _run(self, item: pytest.Item, following: pytest.Item) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def _try(self, mutant: str, first: pytest.Item) -> str:
        """Return what became of one mutant: killed, timeout, survived, or reached by no test."""
        tests = self._tests_of(mutant)
        if not tests:
            return "unreached"
        if (child := os.fork()) == 0:
            self._be(mutant, tests, first)
        _pid, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        return {0: "survived", 1: "killed"}.get(code, "timeout" if code < 0 else "killed")

    def _tests_of(self, mutant: str) -> list[pytest.Item]:
        """Return the tests that reach a mutant, those first that reach little else."""
        found, needed = [], 0.0
        for item in sorted(
            self._tests[mangled_name_from_mutant_name(mutant)],
            key=lambda item: (self._reach[item.nodeid], self._seconds[item.nodeid]),
        ):
            needed += self._seconds[item.nodeid]
            if found and needed > self.seconds:
                break
            found.append(item)
        return found

    def _be(self, mutant: str, tests: list[pytest.Item], first: pytest.Item) -> None:
        """In the child: run the tests until one fails."""
        limit = int(
            SPARE + time.process_time() + TIMES * sum(self._seconds[t.nodeid] for t in tests)
        )
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        set_mutant_under_test(mutant)
        code = 2
        try:
            # There is always a next test, so that what all of them share isn't torn down.
            for item, following in zip(tests, [*tests[1:], first], strict=True):
                self._run(item, following)
                if self.failed:
                    break
            code = int(self.failed)
        finally:
            os._exit(code)


def say(line: str) -> None:
    """Print a line past pytest's capture."""
    os.write(1, f"{line}\n".encode())


def chosen(finder: Finder, seed: int, most: int, only: list[str]) -> list[str]:
    """Return the sample of an area; the same seed draws the same mutants of unchanged functions."""
    mutants = finder.mutants
    if only:
        mutants = [each for each in mutants if any(part in each for part in only)]
    return sorted(mutants, key=lambda each: random.Random(f"{seed}:{each}").random())[:most]


def run_area(area: Area, given: argparse.Namespace) -> dict[str, Any]:
    """Try the sample of an area; return what is reported about it."""
    finder = Finder(area)
    sys.meta_path.insert(0, finder)
    sample = chosen(finder, given.seed, given.most, given.only)
    say(f"{area.name}: {len(sample)} of {len(finder.mutants)} mutants")
    runner = Runner(sample, given.seconds)
    code = pytest.main(
        ["-n", "0", "-q", "-p", "no:cacheprovider", "--capture=sys", "--timeout=60"]
        + ["-m", "not long and not browser and not postgres", *given.pytest]
        + [f"tests/{each}" for each in area.tests],
        plugins=[runner],
    )
    if len(runner.verdicts) < len(sample):
        sys.exit(int(code) or 1)
    counts = {
        word: sum(each == word for each in runner.verdicts.values())
        for word in ("killed", "timeout", "survived", "unreached")
    }
    survivors = [
        finder.change(mutant) | {"verdict": verdict}
        for mutant, verdict in runner.verdicts.items()
        if verdict in ("survived", "unreached")
    ]
    return {"mutants": len(finder.mutants), "tried": len(sample), **counts, "survivors": survivors}


def main() -> None:
    """Try one area here; or all of them, each in a process of its own, and store the results."""
    words = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=__doc__)
    words.add_argument("area", nargs="*", help=f"one of {', '.join(AREAS)}; default: all")
    words.add_argument("--seed", type=int, default=14)
    words.add_argument("--most", type=int, default=80, help="mutants per area")
    words.add_argument(
        "--seconds", type=float, default=60, help="CPU time of the tests for one mutant, at most"
    )
    words.add_argument("--only", action="append", default=[], help="part of a mutant's name")
    words.add_argument("--into", type=Path, default=RESULTS, help="file for the results")
    words.add_argument("--pytest", action="append", default=[], help="one more option of pytest")
    given = words.parse_args()
    os.chdir(ROOT)
    if len(given.area) == 1:
        area = AREAS[given.area[0]]
        report = run_area(area, given)
        if given.only:
            json.dump(report, sys.stdout, indent=1)
            return
        store(given, area.name, report)
        return
    for name in given.area or AREAS:
        options = [each for each in sys.argv[1:] if each not in AREAS]
        again = [sys.executable, "-m", "tests.mutants.run", name, *options]
        subprocess.run(again, check=True)


def store(given: argparse.Namespace, area: str, report: dict[str, Any]) -> None:
    """Put an area's results in place of the earlier ones."""
    file: Path = given.into
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    today = datetime.now(UTC).date().isoformat()
    known[area] = {"date": today, "seed": given.seed, "seconds": given.seconds, **report}
    text = json.dumps({each: known[each] for each in AREAS if each in known}, indent=1)
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
