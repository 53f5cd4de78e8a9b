"""The synthetic set as the page reads it: manifest and facts, no pixels."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import read_json, read_json_lines
from flawforge.core.progress import SILENT, Progress
from flawforge.runs.folder import Run
from flawforge.runs.records import Record
from flawforge.runs.set_files import SetFiles


@dataclass(frozen=True)
class Synthetic:
    """What the page needs of a synthetic set.

    Attributes:
        images: (class, path below the set's folder) of each image, in the manifest's order.
        facts: the content of set.json; empty when it is missing.
        fingerprint: what names the set in records; empty when set.json is missing.
        by_hand: what a person removed or sorted, a sentence; empty where nothing was.
    """

    images: tuple[tuple[str, str], ...]
    facts: dict[str, Any]
    fingerprint: str = ""
    by_hand: str = ""

    @property
    def complete(self) -> bool:
        """Whether the whole set that was asked for is there."""
        return bool(self.facts.get("complete"))

    @property
    def counts(self) -> dict[str, int]:
        """Generated images per class."""
        return dict(sorted(Counter(label for label, _ in self.images).items()))


def read_synthetic(run: Run, progress: Progress = SILENT) -> Synthetic | None:
    """Read the run's own synthetic set, or None when it has none.

    A damaged set.json is warned of and counts as missing; of a damaged manifest, too, and its other lines count.
    """
    manifest, facts = run.synthetic / "manifest.jsonl", run.synthetic / "set.json"
    lines = read_json_lines(manifest) if manifest.is_file() else ()
    images = tuple((str(line.get("class", "")), line["file"]) for line in lines if isinstance(line.get("file"), str))
    if not images:
        return None
    value: Any = {}
    try:
        value = read_json(facts) if facts.is_file() else {}
    except RunBrokenError as error:
        command = f"flawforge generate {shlex.quote(str(run.path))} -n {len(images)}"
        progress.warn(f"{error} Remove the folder {run.synthetic} and generate the set again with: {command}")
    known = value if isinstance(value, dict) else {}
    if not known.get("complete") or "n" not in known:
        return Synthetic(images, known)
    try:
        there = SetFiles.look(run.synthetic, known)
    except RunBrokenError as error:
        progress.warn(str(error))
        return Synthetic(images, known)
    entries = tuple((entry.label, entry.file) for entry in there.entries())
    return Synthetic(entries, known, there.fingerprint, there.by_hand.note) if entries else None


def outdated(run: Run, kind: str, record: Record | None, synthetic: Synthetic | None) -> str:
    """Return why an audit or a score does not fit the run's present synthetic set, or an empty string."""
    now = "" if synthetic is None else synthetic.fingerprint
    if record is None or not now or record.inputs.get("synthetic") in (None, now):
        return ""
    return (
        f"This {kind} is of an earlier synthetic set; the run holds another one now. Repeat it with: "
        f"flawforge {kind} {shlex.quote(str(run.path))}"
    )
