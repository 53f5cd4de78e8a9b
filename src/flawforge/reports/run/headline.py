"""The top of the page: what was trained on what, what came out, in a sentence and a few numbers."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from flawforge.core.plural import plural
from flawforge.reports.run.synthetic import Synthetic
from flawforge.reports.words import duration, joined, length
from flawforge.runs.detection.record import PodRecord
from flawforge.runs.history import Line
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import Record
from flawforge.runs.run_settings import RunSettings


class Headline(NamedTuple):
    """Title, and the outcome in plain sentences: first what was found, then of what."""

    title: str
    sentences: list[str]


def headline(
    settings: RunSettings,
    last: Line | None,
    synthetic: Synthetic | None,
    audit: AuditRecord | None,
    score: ScoreRecord | None = None,
    damaged: tuple[str, ...] = (),
    pod: PodRecord | None = None,
) -> Headline:
    """Make the top of the page. `last` is the last logged step of the training, `damaged` are records left out."""
    name = str(settings.recipe.get("name") or "unnamed recipe")
    source = settings.data.source or "unknown data"
    short = PurePath(source.replace("\\", "/")).name or source
    labels, samples = list(settings.data.classes), settings.data.samples
    on = "an unrecorded number of images" if samples is None else plural(samples, "image")
    classes = f" of {joined(labels)}" if labels else ""
    if settings.learns:
        sentences = [f"{name} was trained on {on}{classes} ({short}){_length(last)}."]
    elif settings.places:
        sentences = [f"Defects put on real grounds, with masks, from {on}{classes} ({short}): nothing was trained."]
    else:
        sentences = [f"Composed of {on}{classes} ({short}), by design: nothing was trained."]
    if synthetic is None:
        sentences.append("No images have been generated yet.")
    else:
        part = "" if synthetic.complete or not synthetic.facts else "; the set is not complete"
        sentences.append(f"{plural(len(synthetic.images), 'image was', 'images were')} generated{part}.")
        sentences += [synthetic.by_hand] if synthetic.by_hand else []
    found = [] if audit is None else [_note(audit, synthetic) + audit.sentence]
    if audit is None and synthetic is not None and "audit" not in damaged:
        sentences.append("They have not been tested for copies yet.")
    if score is not None:
        found += [_note(score, synthetic) + score.sentence, *([score.beyond_sentence] if score.beyond_sentence else [])]
    found += [pod.sentence] if pod is not None else []
    sentences = found + sentences
    sentences += [f"The record of the {kind} is damaged and not shown." for kind in damaged]
    title = f"{name} on {joined(labels, 3)}, {short}" if 0 < len(labels) <= 3 else f"{name} on {short}"
    return Headline(title, sentences)


def _note(record: Record, synthetic: Synthetic | None) -> str:
    """Return what goes before a record's sentence where it is of other images than the run's set holds now."""
    now = "" if synthetic is None else synthetic.fingerprint
    other = bool(now) and record.inputs.get("synthetic") not in (None, now)
    return "Of an earlier set or choice of images, not of these: " * other


def _length(last: Line | None) -> str:
    if last is None or "kimg" not in last:
        return "; no step of the training is logged"
    seconds = last.get("seconds")
    time = f" in {duration(float(seconds))}" if isinstance(seconds, (int, float)) else ""
    return f" for {length(float(last['kimg']))}{time}"
