"""The documentation: each page says first what it is for, is reached from another one, and the reference is whole."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import flawforge

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"))])
LONGEST_DECISION = 800  # words before its evidence: about three minutes


def test_a_page_says_first_what_it_is_for() -> None:
    wrong = {}
    for page in PAGES:
        title, _, rest = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8")).strip().partition("\n\n")
        first = rest.split("\n\n")[0]
        purpose = re.match(r"(\*\*Question\.\*\*|This (page|guide) (says|shows|lists|describes)) ", first)
        if not title.startswith("# ") or not purpose:
            wrong[page.relative_to(ROOT).as_posix()] = first
    assert not wrong


def test_every_decision_is_on_the_list_and_every_guide_in_the_navigation() -> None:
    decisions = {page.name for page in (DOCS / "decisions").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "decisions" / "README.md").read_text())) == decisions
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for folder in ("guide", "reference"):
        for page in (DOCS / folder).glob("*.md"):
            assert f": {folder}/{page.name}\n" in navigation


def test_a_stranger_reads_a_decision_in_three_minutes() -> None:
    too_long = set()
    for page in (DOCS / "decisions").glob("*.md"):
        decision = page.read_text(encoding="utf-8").split("\n## Evidence\n")[0]
        if sum(any(letter.isalnum() for letter in word) for word in decision.split()) > LONGEST_DECISION:
            too_long.add(page.name)
    assert not too_long, "what a reader needs stands before the heading 'Evidence'"


def test_the_python_reference_has_every_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mkdocs")
    monkeypatch.syspath_prepend(ROOT / "scripts")
    monkeypatch.delitem(sys.modules, "site_pages", raising=False)
    from site_pages import python_reference

    assert re.findall(r"^::: flawforge\.(\w+)$", python_reference(), flags=re.MULTILINE) == flawforge.__all__
