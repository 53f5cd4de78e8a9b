"""A labels file: classes that a person mended, in a table beside the folder, whose own files are never changed."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flawforge.core.errors import DataUnusableError, SettingError, did_you_mean
from flawforge.core.files import explain_os_errors, write_text
from flawforge.core.plural import plural
from flawforge.data.good_names import named_good
from flawforge.data.reading.plan import UNLABELLED
from flawforge.data.reading.tables import table_rows
from flawforge.data.reading.texts.text_files import read_text
from flawforge.data.sample import Sample

LARGEST = 1 << 26  # bytes: a row for each of half a million images
COLUMNS = ("file", "class")


@dataclass(frozen=True)
class LabelsFile:
    """The rows of a labels file.

    Attributes:
        name: of the file, for messages.
        sha256: of its text.
        rows: image below DATA (or its name alone) to the line that names it, and its class.
        notes: rows that say the same again, a sentence.
    """

    name: str
    sha256: str
    rows: dict[str, tuple[int, str]]
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> dict[str, str]:
        """Image to class."""
        return {file: label for file, (_, label) in self.rows.items()}


def read_labels_file(path: Path) -> LabelsFile:
    """Read a table with the columns ``file`` and ``class``; others are passed over.

    Raises:
        SettingError: there is no such file.
        DataUnusableError: it is no such table, or two rows give one image two classes.
    """
    if not path.is_file():
        raise SettingError(f"--labels: there is no file {path}. It is a CSV file with the columns file and class.")
    try:
        return _parsed(read_text(path, LARGEST), path)
    except ValueError as error:
        if isinstance(error, DataUnusableError):
            raise
        raise DataUnusableError(f"--labels: {path} {error}.") from None


def _parsed(text: str, path: Path) -> LabelsFile:
    tables = (table_rows(text, delimiter) for delimiter in (",", ";", "\t"))
    table = next((rows for rows in tables if rows and {*COLUMNS} <= {cell.lower() for cell in rows[0][1]}), None)
    if table is None:
        raise DataUnusableError(f"--labels: {path} needs a first line that names the columns: 'file,class'.")
    places = [[cell.lower() for cell in table[0][1]].index(column) for column in COLUMNS]
    rows: dict[str, tuple[int, str]] = {}
    twice = []
    for line, cells in table[1:]:
        file, label = (cells[place] if place < len(cells) else "" for place in places)
        file, label = file.replace("\\", "/").removeprefix("./"), " ".join(label.split())
        if not file or not label:
            raise DataUnusableError(
                f"--labels: {path}, line {line}, has no {'class' if file else 'file'}. To leave an image out, give it "
                f"the class 'unlabelled'."
            )
        if file not in rows:
            rows[file] = line, label
        elif rows[file][1] == label:
            twice.append(line)
        else:
            first, other = rows[file]
            raise DataUnusableError(
                f"--labels: {path} gives {file} two classes: '{other}' in line {first}, '{label}' in line {line}. Keep "
                f"one of the two lines."
            )
    again = [
        f"{path.name} says what it said before in {plural(len(twice), 'line')} (line {line})." for line in twice[:1]
    ]
    return LabelsFile(path.name, hashlib.sha256(text.encode()).hexdigest(), rows, tuple(again))


def write_labels_file(path: Path, classes: Mapping[str, str]) -> None:
    """Write a labels file atomically.

    Raises:
        SettingError: a table cannot hold a name or a class. RunUnwritableError, DiskFullError: the disk.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(classes.items())
    if not all(file and label for file, label in classes.items()) or _parsed(text.getvalue(), path).classes != classes:
        raise SettingError(
            "a table of classes cannot hold control letters, nor blanks at the beginning or end of a name."
        )
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())


def relabelled(
    samples: list[Sample], file: LabelsFile, source: str, broken: Collection[str]
) -> tuple[list[Sample], list[str]]:
    """Return the samples with the classes of a labels file, and what that changed, a sentence each.

    What is marked as the former class becomes of the new one; in an image that is called good nothing is marked any
    more. A class that differs from one that is there only in case is that one.

    Args:
        samples: whole images.
        file: the labels file.
        source: what the user named, for messages.
        broken: files that cannot be read.

    Raises:
        DataUnusableError: no row names an image, or one may mean several.
    """
    by_path = {sample.file: index for index, sample in enumerate(samples)}
    by_name: dict[str, list[int]] = {}
    for sample in samples:
        by_name.setdefault(sample.file.rpartition("/")[2], []).append(by_path[sample.file])
    known = {sample.label.casefold(): sample.label for sample in samples if sample.label}
    out, strangers = list(samples), []
    changed: Counter[tuple[str, str]] = Counter()
    for name, (line, word) in file.rows.items():
        found = [by_path[name]] if name in by_path else by_name.get(name, [])
        if len(found) > 1:
            paths = " and ".join(samples[index].file for index in found[:2])
            raise DataUnusableError(
                f"--labels: {file.name}, line {line}: {name} may be {paths}. Give its path below {source}."
            )
        if not found:
            strangers.append(f"line {line}: {name}" + (", which cannot be read" if name in broken else ""))
            continue
        label = "" if word.casefold() in UNLABELLED else known.get(word.casefold(), word)
        out[found[0]] = _mended(samples[found[0]], label, file.name)
        changed[samples[found[0]].label, label] += 1
    if strangers and len(strangers) == len(file.rows):
        raise DataUnusableError(
            f"--labels: none of the {len(file.rows)} files that {file.name} names is an image in {source} (such as "
            f"{strangers[0]}). It names them as flawforge inspect --json does, by their path below DATA."
        )
    return out, [*_in_words(changed, file.name, set(known.values())), *_strangers(strangers, file.name), *file.notes]


def _mended(sample: Sample, label: str, name: str) -> Sample:
    marks = tuple(replace(mark, label=label) if mark.label == sample.label else mark for mark in sample.marks)
    marks = () if named_good((label,)) is not None else marks
    source = name if label else f"{name} leaves it out"
    return sample if label == sample.label else replace(sample, label=label, label_source=source, marks=marks)


def _in_words(changed: Counter[tuple[str, str]], name: str, known: set[str]) -> list[str]:
    other = {both: count for both, count in changed.items() if both[0] != both[1]}
    told = []
    if other:
        pairs = ", ".join(f"{old or 'unlabelled'} to {new or 'unlabelled'} {n}" for (old, new), n in other.items())
        told.append(f"{name} gives {plural(sum(other.values()), 'image')} another class: {pairs}.")
    if same := changed.total() - sum(other.values()):
        told.append(
            f"{name} gives {plural(same, 'image')} the class that {'it has' if same == 1 else 'they have'} anyway."
        )
    for label in sorted({new for _, new in other} - known - {""}):
        count = sum(n for (_, new), n in other.items() if new == label)
        told.append(f"The class '{label}' is new, of {plural(count, 'image')} in {name}.{did_you_mean(label, known)}")
    return told


def _strangers(strangers: list[str], name: str) -> list[str]:
    if not strangers:
        return []
    name_none = "names no image" if len(strangers) == 1 else "name no image"
    return [f"{plural(len(strangers), 'row')} of {name} {name_none} here (such as {strangers[0]})."]
