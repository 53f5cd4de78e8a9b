"""From a folder to its plan: masks are set aside, labels are read, and the class of each image is decided.

Which says the class, where several do: label files before folders. One format of labels is followed, that which speaks
of most images; another's labels are used where the first has none, and where both speak and differ, that is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from flawforge.core.plural import plural
from flawforge.data.good_names import named_good
from flawforge.data.reading.class_folders import IMAGE_FOLDERS
from flawforge.data.reading.class_names import class_in_name
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.formats import LABEL_FORMATS
from flawforge.data.reading.labels import ImageLabels, LabelFormat, Labels
from flawforge.data.reading.layouts import layout_plan, title_of
from flawforge.data.reading.masks.find import find_masks
from flawforge.data.reading.plan import GOOD, UNLABELLED, Plan
from flawforge.data.reading.previews import previews_in
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import MaskImage
from flawforge.data.sample import Broken, Entry, Mark, Remark


def plan_folder(root: Path, tree: Tree, choices: ReadingChoices) -> Plan:
    """Return the images of a folder with their classes and marks.

    Args:
        root: the folder, to read labels.
        tree: its files, at least one of them an image.
        choices: what the user decided.
    """
    previews = previews_in(root, tree.images)
    spare = {preview.file for preview in previews}
    tree = replace(tree, images=[file for file in tree.images if file not in spare])
    masks = find_masks(root, tree)
    tree = replace(tree, images=[file for file in tree.images if file not in masks.files], masks=masks.of)
    read = [(known, labels) for known in LABEL_FORMATS if (labels := known.read(root, tree)) is not None]
    aside = set().union(*(labels.masks for _, labels in read))
    sources = {image.source for _, labels in read for image in labels.images.values()}.union(
        *(labels.lists for _, labels in read)
    )
    others = [file for file in tree.others if file not in sources]
    plan = layout_plan(root, replace(tree, images=[file for file in tree.images if file not in aside], others=others))
    plan.broken += [*previews, *masks.broken]
    entries = {entry.file: entry for entry in plan.entries}
    read.sort(key=lambda pair: -sum(bool(image.source) for image in pair[1].images.values()))
    _join(read)
    for number, (known, labels) in enumerate(read):
        labels.images = {file: image for file, image in labels.images.items() if file not in aside}
        plan.broken += labels.broken
        plan.broken += [
            Broken(image.source, f"annotation of {PurePosixPath(file).name} {image.unreadable}")
            for file, image in labels.images.items()
            if image.unreadable
        ]
        plan.remarks += labels.remarks
        if number:
            _fill_in(plan, entries, labels)
        else:
            _follow(plan, entries, known, labels, choices)
        plan.notes += labels.notes
    damaged = {broken.file for broken in plan.broken}
    for file, found in masks.of.items():
        files = [mask for mask in found if mask not in damaged]
        if files and file in entries and not any(mark.regions for mark in entries[file].marks):
            mark = Mark(regions=tuple(MaskImage(mask, inverted=choices.invert_masks) for mask in files))
            entries[file] = replace(entries[file], marks=(*entries[file].marks, mark))
    plan.notes += masks.notes
    if choices.classes_from == "names":
        entries = {file: _by_name(entry) for file, entry in entries.items()}
        _say_nameless(plan, [file for file, entry in entries.items() if not entry.label])
    plan.entries = _one_spelling(plan, list(entries.values()))
    if len({entry.label for entry in plan.entries}) > 1:  # else a folder of that name is what is meant
        plan.entries = [_not_yet(entry) for entry in plan.entries]
    return plan


def _join(read: list[tuple[LabelFormat, Labels]]) -> None:
    """Give the first format the labels that only others have: each camera or year may have had a tool of its own."""
    for _, labels in read[1:]:
        first = read[0][1].images
        for file, image in labels.images.items():
            if image.source and not image.unreadable and not first.get(file, ImageLabels()).source:
                first[file] = image


def _follow(plan: Plan, entries: dict[str, Entry], known: LabelFormat, labels: Labels, choices: ReadingChoices) -> None:
    """Give images the classes and marks of the labels. Entries and plan are changed."""
    labelled = [file for file, image in labels.images.items() if image.source]
    folders = [file for file in labelled if file in entries and entries[file].label.lower() not in IMAGE_FOLDERS]
    held = _held_classes(entries, labels)
    sorted_in = plan.layout == "classes" and (len(folders) * 2 > len(labelled) or not labelled)
    sorted_in = sorted_in and held.count("") * 2 <= len(held) and len({entry.label for entry in entries.values()}) > 1
    if not labelled and (sorted_in or not labels.broken):  # they speak of other images, or say nothing that can be read
        return
    if sorted_in and all(file in entries and entries[file].label == labels.images[file].label for file in labelled):
        return  # a table that says what the folders say
    count = len(labels.images.keys() | (entries.keys() if sorted_in else set()))
    few = len(labelled) * 2 < count
    if sorted_in and few:
        plan.notes.append(
            f"Only {len(labelled)} of {count} images {'has' if len(labelled) == 1 else 'have'} labels ({known.title}): "
            f"what they mark was read, and the class of each image is that of its folder."
        )
        for file in labelled:
            if file in entries and (image := labels.images[file]).marks:
                entries[file] = replace(entries[file], marks=image.marks, frame=image.frame)
        return
    sorted_in = sorted_in and len(set(held)) == len(held)  # else they are shifts or cameras
    told = {
        file
        for file, entry in entries.items()
        if sorted_in or (plan.layout == "classes" and named_good((entry.label,)) is not None)
    }  # images whose folder tells their class, where no label does
    plan.layout = known.name
    classes = {mark.label for image in labels.images.values() for mark in (*image.marks, Mark(image.label))} - {""}
    decided: Counter[tuple[str, str]] = Counter()
    first: dict[str, str] = {}
    for file, image in labels.images.items():
        state, label, source = _class_of(file, image, classes, known, choices)
        if state == "missing" and file in told:
            state, label, source = "folder", entries[file].label, "folder"
        elif sorted_in and label and file in entries:
            _compare(plan, entries[file], label, source, classes)
        decided[state, label] += 1
        first.setdefault(f"{state} {label}", file)
        entries[file] = Entry(file, label, image.marks, source, image.frame, state == "empty")
    unnamed = entries.keys() - labels.images.keys()
    _unlabelled_beside(plan, unnamed & told, True)
    _unlabelled_beside(plan, unnamed - told, False)
    if not sorted_in:
        for file in unnamed - told:
            entries[file] = Entry(file, "", label_source="the labels do not name it")
        plan.broken = [broken for broken in plan.broken if broken.file not in labels.images]
        plan.notes = [note for note in plan.notes if "subfolders" not in note and not note.startswith("Not read: ")]
    plan.notes += [note for key, number in decided.items() if (note := _say(*key, number, first[" ".join(key)], known))]


def _held_classes(entries: dict[str, Entry], labels: Labels) -> list[str]:
    """Return for each folder with labels the class of at least three quarters of its labelled images, empty: none."""
    held: dict[str, Counter[str]] = {}
    for file, image in labels.images.items():
        names = [image.label] if image.label else [mark.label for mark in image.marks]
        if file in entries and names:
            held.setdefault(entries[file].label, Counter())[Counter(names).most_common(1)[0][0]] += 1
    most = [(counted.most_common(1)[0], counted.total()) for counted in held.values()]
    return [name if count * 4 >= 3 * total else "" for (name, count), total in most]


def _class_of(
    file: str, image: ImageLabels, classes: Collection[str], known: LabelFormat, choices: ReadingChoices
) -> tuple[str, str, str]:
    """Return what the labels say of an image in a word, its class (empty: none), and where that comes from."""
    if image.unreadable:
        return "unreadable", "", f"{image.source} {image.unreadable}"
    if image.label:
        return "labelled", image.label, image.source
    if image.marks:
        return "labelled", _most(PurePosixPath(file).stem, image.marks, classes), image.source
    usual = GOOD if image.source else ("" if known.missing == "unlabelled" else GOOD)
    label = usual if choices.unmarked is None else GOOD if choices.unmarked == "good" else ""
    if image.source:
        return "empty", label, image.source if label else f"{image.source} marks nothing"
    return "missing", label, "no label file"


def _most(stem: str, marks: Iterable[Mark], classes: Collection[str]) -> str:
    """Return the class in the file's name, where the labels have it, else that of most marks (the first of equals)."""
    named = class_in_name(stem).casefold()
    if found := next((label for label in classes if label.casefold() == named), ""):
        return found
    return Counter(mark.label for mark in marks).most_common(1)[0][0]


def _say(state: str, label: str, count: int, example: str, known: LabelFormat) -> str:
    """Say what became of images of which the labels do not speak plainly."""
    if state == "labelled":
        return ""
    have = plural(count, "image has", "images have")
    they = "it is" if count == 1 else "they are"
    other = "--unmarked good reads them as good" if not label else "--unmarked unlabelled leaves them out"
    if state == "unreadable":
        return f"{have} labels that cannot be read (such as {example}): {they} not labelled, and not used."
    if state == "folder":
        theirs = "its class is that of its folder" if count == 1 else "their class is that of their folder"
        return f"{have} no label file ({known.title}) while the others have one: {theirs}."
    what = "no label file" if state == "missing" else "labels that mark nothing"
    read = f"read as '{label}'" if label else "not labelled, and not used"
    return f"{have} {what} ({known.title}; such as {example}): {they} {read}. {other}."


def _unlabelled_beside(plan: Plan, files: Collection[str], sorted_in: bool) -> None:
    if files:
        have = plural(len(files), "image is", "images are")
        what = "the class is that of the folder" if sorted_in else "not labelled, and not used"
        plan.notes.append(f"{have} not named in the labels (such as {min(files)}): {what}.")


def _compare(plan: Plan, entry: Entry, label: str, source: str, classes: Collection[str]) -> None:
    """Tell where an image's label and its folder contradict each other, if the folder's name is a class at all."""
    known = {name.casefold() for name in classes} | {GOOD}
    if entry.label.casefold() in known - {label.casefold()}:
        what = "images whose folder is of another class than their label; the label was followed"
        plan.remarks.append(Remark(what, f"{entry.file}: {label} in {source}"))


def _fill_in(plan: Plan, entries: dict[str, Entry], labels: Labels) -> None:
    """Use a second format's labels where the first has none. Entries and plan are changed."""
    classes = {mark.label for image in labels.images.values() for mark in image.marks}
    followed = "the folders" if plan.layout in ("flat", "classes") else title_of(plan.layout)
    for file, image in labels.images.items():
        if not image.source or image.unreadable or file not in entries:
            continue
        entry = entries[file]
        label = image.label or (_most(PurePosixPath(file).stem, image.marks, classes) if image.marks else "")
        if not entry.label and label:
            entries[file] = Entry(file, label, image.marks, image.source, image.frame)
        elif not entry.marks and image.marks:
            entries[file] = replace(entry, marks=image.marks, frame=image.frame)
        if entry.label and label and label.casefold() != entry.label.casefold():
            plan.remarks.append(
                Remark(
                    f"images of which two labels disagree; those of {followed} were followed",
                    f"{file}: {entry.label} in {entry.label_source}, {label} in {image.source}",
                )
            )


def _by_name(entry: Entry) -> Entry:
    name = class_in_name(PurePosixPath(entry.file).stem)
    return replace(entry, label=name, label_source="file name" if name else "its name tells no class")


def _not_yet(entry: Entry) -> Entry:
    """Return an entry without a class where that is what its class says."""
    if entry.label.casefold() not in UNLABELLED:
        return entry
    return replace(entry, label="", label_source=f"its class is called {entry.label!r}")


def _say_nameless(plan: Plan, files: list[str]) -> None:
    if files:
        have = plural(len(files), "image has a name that tells", "images have names that tell")
        they = "it is" if len(files) == 1 else "they are"
        plan.notes.append(f"{have} no class (such as {min(files)}): {they} not labelled, and not used.")


def _one_spelling(plan: Plan, entries: list[Entry]) -> list[Entry]:
    """Give classes whose names differ only in case or blanks the most frequent of their spellings, and say so."""
    counted = Counter(entry.label for entry in entries) + Counter(
        mark.label for entry in entries for mark in entry.marks
    )
    spellings: dict[str, list[str]] = {}
    for label, _ in counted.most_common():
        spellings.setdefault(" ".join(label.split()).casefold(), []).append(label)
    chosen = {label: " ".join(same[0].split()) for same in spellings.values() for label in same}
    for same in spellings.values():
        if len(same) > 1:
            others = ", ".join(repr(label) for label in same[1:])
            plan.notes.append(f"The class {chosen[same[0]]!r} is also written {others}: read as one class.")
    if all(label == name for label, name in chosen.items()):
        return entries
    return [
        replace(
            entry,
            label=chosen[entry.label],
            marks=tuple(replace(mark, label=chosen[mark.label]) for mark in entry.marks),
        )
        for entry in entries
    ]
