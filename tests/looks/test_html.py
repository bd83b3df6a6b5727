"""The Nu HTML checker on every page and every state of each: no error, no warning unforgiven."""

import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.journeys.sites import Site
from tests.looks.conftest import Visits
from tests.looks.measure import HOW, JAR
from tests.looks.places import PLACES
from tests.looks.staging import every_page
from tests.missing import missing

pytestmark = [pytest.mark.browser, pytest.mark.long]


#: Warnings that are wrong here, each with the reason.
FORGIVEN = {
    # Safari's reader forgets that a list is one once it shows no bullets.
    "The “list” role is unnecessary for element “ul”.",
    "The “list” role is unnecessary for element “ol”.",
}


def judged(files: list[Path]) -> dict[str, list[str]]:
    """Return what the checker says, page by message: it is started once, for Java starts slowly."""
    if (java := shutil.which("java")) is None:
        missing("Java is not installed, which runs the Nu HTML checker")
    if not JAR.exists():
        missing(f"the Nu HTML checker is not installed: {HOW}")
    command = [
        java,
        "-Xss1m",
        "-jar",
        str(JAR),
        "--format",
        "json",
        "--stdout",
        "--exit-zero-always",
    ]
    run = subprocess.run(
        [*command, *files], capture_output=True, text=True, timeout=100, check=True
    )
    found = defaultdict(list)
    for each in json.loads(run.stdout)["messages"]:
        if each["type"] == "info" and each["message"] in FORGIVEN:
            continue
        what = f"{each['type']} {each.get('subType', '')}: {each['message']}"
        found[f"{what} | {each.get('extract', '')}"].append(Path(each["url"]).stem)
    return found


def test_every_page_is_html_without_a_fault(
    looked_at: Site, visits: Visits, tmp_path: Path
) -> None:
    sources = dict(every_page())
    for place in PLACES:
        if place.act is None:
            asked = visits.pages[place.visitor].request
            path = place.path.format(**visits.names)
            sources[f"served-{place.visitor}-{place.endpoint}"] = asked.get(
                looked_at.url + path
            ).text()
    files = []
    for name, source in sources.items():
        files.append(tmp_path / f"{name}.html")
        files[-1].write_text(source, encoding="utf-8")
    found = judged(files)
    told = [f"{what}\n  on {len(on)}: {', '.join(on[:5])}" for what, on in found.items()]
    assert not told, "\n".join(told)
