"""`make sbom` lists every package that can run in production, with its version and hashes."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.missing import missing
from tests.processes import ROOT
from tests.rules.locks import pinned, read

LOCK = "requirements-postgres.txt"
TOOL = ROOT / ".tools" / "bin" / "cyclonedx-py"


def command(target: Path) -> list[str]:
    """Return what `make sbom` runs, with another file as its target."""
    (line,) = [each for each in read("Makefile").splitlines() if "/cyclonedx-py " in each]
    words = shlex.split(line.strip())
    assert words[0] == "$(TOOLS)/cyclonedx-py"
    assert words.count("sbom.json") == 1
    return [str(TOOL), *(str(target) if word == "sbom.json" else word for word in words[1:])]


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What `make sbom` writes."""
    if not TOOL.exists():
        missing("`make sbom` was never run, so its tool isn't in .tools")
    target = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run(command(target), cwd=ROOT, check=True, timeout=110)
    written: dict[str, object] = json.loads(target.read_text(encoding="utf-8"))
    return written


def test_it_is_cyclonedx(sbom: dict[str, object]) -> None:
    assert sbom["bomFormat"] == "CycloneDX"


def test_it_lists_what_is_locked_with_hashes(sbom: dict[str, object]) -> None:
    components = sbom["components"]
    assert isinstance(components, list)
    listed = {
        canonicalize_name(each["name"]): (
            each["version"],
            each["purl"],
            sorted(h["content"] for ref in each["externalReferences"] for h in ref["hashes"]),
        )
        for each in components
    }
    assert listed == {
        each.name: (
            str(each.version),
            f"pkg:pypi/{each.name}@{each.version}",
            sorted(each_hash.removeprefix("sha256:") for each_hash in each.hashes),
        )
        for each in pinned(read(LOCK))
    }
    assert len(components) == len(listed)
