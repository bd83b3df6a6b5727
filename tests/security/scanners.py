"""sqlmap and wapiti, Debian's packages: what each finds at an address, as its own report says."""

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.missing import missing
from tests.processes import plain_environment

#: Only those of its modules that need no host outside this machine.
MODULES = "sql,blindsql,xss,permanentxss,exec,file,crlf,redirect,methods,htaccess,backup,csp"
#: Debian 12's wapiti can't leave an address alone: Python 3.11 refuses its regular expression.
WAPITI = """
import fnmatch, re, sys
from wapitiCore.main.wapiti import wapiti_main
from wapitiCore.net import crawler
crawler.wildcard_translate = lambda pattern: re.compile(fnmatch.translate(pattern))
sys.exit(wapiti_main())
"""
#: Each of its modules may take this long, in seconds.
EACH_MODULE = 12


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed")
    return found


def wapiti(
    url: str, folder: Path, *, cookie: str = "", start: Sequence[str] = (), but: Sequence[str] = ()
) -> tuple[list[str], int]:
    """Crawl and attack everything at `url`; return what it found, and how many requests it varied.

    `start`: addresses that no page links to; `but`: addresses to leave alone.
    """
    report = folder / "wapiti.json"
    _program("wapiti")
    args = [
        "/usr/bin/python3",
        "-c",
        WAPITI,
        "-u",
        f"{url}/",
        "-m",
        MODULES,
        "-f",
        "json",
        "-o",
        str(report),
    ]
    args += ["--scope", "domain", "--no-bugreport", "--flush-session", "-S", "normal"]
    args += ["--max-scan-time", "60", "--max-attack-time", str(EACH_MODULE), "-v", "1"]
    args += ["--store-session", str(folder), "--store-config", str(folder)]
    args += ["-H", f"Cookie: {cookie}"] if cookie else []
    for address in start:
        args += ["-s", f"{url}{address}"]
    for address in but:
        args += ["-x", f"{url}{address}"]
    varied = set(re.findall(r"^\[\+\] .*$", _run(args, folder), re.MULTILINE))
    said = json.loads(report.read_text(encoding="utf-8"))
    groups: Mapping[str, list[dict[str, str]]] = said["vulnerabilities"] | said["anomalies"]
    found = [
        f"{kind}: {each['method']} {each['path']} {each['parameter']} – {each['info']}"
        for kind, those in groups.items()
        for each in those
    ]
    return found, len(varied)


def sqlmap(urls: Sequence[str], folder: Path, *, cookie: str = "") -> list[str]:
    """Try every parameter of these addresses; return what it could inject into.

    What it calls a false positive itself, after trying to use it, is none.
    """
    targets = folder / "urls.txt"
    targets.write_text("\n".join(urls), encoding="utf-8")
    args = [_program("sqlmap"), "-m", str(targets), "--batch", "--disable-coloring"]
    args += ["--level=1", "--risk=2", "--technique=BEUST", "--time-sec=2", "--threads=4"]
    args += ["--dbms=SQLite", "--flush-session", "--output-dir", str(folder / "sqlmap")]
    args += ["--ignore-code=*", f"--cookie={cookie}"] if cookie else ["--ignore-code=*"]
    said = _run(args, folder)
    assert said.count("testing URL") == len(urls), said
    (results,) = (folder / "sqlmap").glob("results-*.csv")
    rows = csv.DictReader(results.read_text(encoding="utf-8").splitlines())
    return [
        f"{row['Target URL']} {row['Parameter']}"
        for row in rows
        if row["Technique(s)"] and "false positive" not in row["Note(s)"]
    ]


def _run(args: Sequence[str], folder: Path) -> str:
    ended = subprocess.run(
        args,
        env=plain_environment() | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
