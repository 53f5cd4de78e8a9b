"""A manifest that a person edited: each line is read, is none of ours, or is named with its field."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flawforge.core.errors import RunBrokenError
from flawforge.reports.run.synthetic import read_synthetic
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.sets.synthetic_set import SyntheticSet, as_dataset
from flawforge.studies.synthesis.run import generate
from heard import Heard

PLAIN: dict[str, Any] = {"file": "a/a_000001.png", "class": "a", "seed": 0, "index": 1, "checkpoint": "step_9-ab"}
PLAIN |= {"sha256": "cd", "width": 8, "height": 6, "mode": "L"}
COMPOSED: dict[str, Any] = {**PLAIN, "sources": ["b.png"], "light": "c.png", "clipped": 0.25, "mask": "masks/a.png"}
COMPOSED |= {"boxes": [["a", 0, 1, 2, 3, True]]}
INSIDE = {"inside": 0.5, "contrast": 9, "ground_contrast": float("inf"), "outline": "drawn", "corner": [0, 1]}
PLACED = {**COMPOSED, "ground": "d.png", "ground_sha256": "ef", "support": "supports/a.png", "placed": INSIDE}
KINDS = {"plain": PLAIN, "composed": COMPOSED, "placed": PLACED}
WRONG = (None, True, [None], {"a": None}, [[1, 2]], "..", -1.5, float("nan"))  # some are right for some fields


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_another_kind_or_a_missing_one_is_named(kind: str) -> None:
    whole = KINDS[kind]
    assert ManifestEntry.read(json.dumps(whole)) == ManifestEntry.read(json.dumps({**whole, "mine": [1]}))
    refused = set()
    for field in whole:
        for wrong in WRONG:
            try:
                entry = ManifestEntry.read(json.dumps({**whole, field: wrong}))
                assert entry is not None
                assert ManifestEntry.parse(entry.line()) == entry
                hash(entry.label)
            except ValueError as error:
                refused.add(str(error).split(" is ")[0])
        if field in PLAIN:
            with pytest.raises(ValueError, match=f"{field} is missing"):
                ManifestEntry.read(json.dumps({key: value for key, value in whole.items() if key != field}))
    assert refused == whole.keys()


@pytest.mark.parametrize("field", ["inside", "contrast", "ground_contrast", "shift"])
def test_what_is_said_of_a_placed_defect_is_numbers(field: str) -> None:
    """The score ended in a traceback where the share inside the mask was no number."""
    with pytest.raises(ValueError, match=r"^placed is .*; it is an object, with numbers as inside"):
        ManifestEntry.read(json.dumps({**PLACED, "placed": {**INSIDE, field: "much"}}))


@pytest.mark.parametrize("line", ["", "# mine", "3", "[1]", '"a"', "null", '{"note": 1}', "[" * 100_000, "\0"])
def test_what_people_write_between_is_none_of_ours(line: str) -> None:
    assert ManifestEntry.read(line) is None


def test_an_edited_set_is_named_by_what_reads_it_and_mended_by_what_writes_it(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    made = generate(run, 4)
    manifest, fingerprint = run.synthetic / "manifest.jsonl", made.fingerprint
    lines = manifest.read_text().splitlines()
    torn = [lines[0], "", lines[1].replace('"width": ', '"width": "x'), *lines[2:]]
    wide = [lines[0], lines[1].replace('"width": ', '"width": -'), "", *lines[2:]]
    for text, line, why in (
        (torn, 3, "it is torn or mistyped, no JSON"),
        (wide, 2, "width is -24; it is a number of pixels, from 1"),
    ):
        manifest.write_text("\n".join(text))
        for read in (SyntheticSet.open, as_dataset):
            with pytest.raises(RunBrokenError) as broken:
                read(run)
            assert str(broken.value).startswith(f"{manifest}, line {line} cannot be read: {why}. Mend it. Or,")
            assert str(broken.value).endswith(f"flawforge generate {run.path} --sync")
        heard = Heard()
        shown = read_synthetic(run, heard)
        assert shown is not None
        assert f"{manifest}, line {line} cannot be read: {why}" in heard.warned[0]
        shutil.copytree(run.path, tmp_path / "other", dirs_exist_ok=True)
        assert generate(run, sync=True).fingerprint == fingerprint
        assert generate(tmp_path / "other", 4, progress=heard).fingerprint == fingerprint
    assert "line 2 cannot be read: width is -24;" in heard.warned[-1]
    assert heard.warned[-1].endswith("the images from there on are made again")


def test_what_images_were_composed_of_is_not_lost_by_a_repair(make_run: Any) -> None:
    run = make_run()
    generate(run, 3)
    manifest = run.synthetic / "manifest.jsonl"
    lines = [json.dumps(json.loads(line) | {"sources": ["a.png"]}) for line in manifest.read_text().splitlines()]
    manifest.write_text("\n".join([*lines[:2], lines[2][:-9]]) + "\n")
    with pytest.raises(RunBrokenError, match="line 3 cannot be read: .* stands nowhere else: mend the line, or delete"):
        generate(run, sync=True)
    assert manifest.read_text().count("\n") == 3
