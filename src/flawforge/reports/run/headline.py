"""The top of the page: what was trained on what, what came out, in a sentence and a few numbers."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from flawforge.reports.run.synthetic import Synthetic
from flawforge.reports.words import NOT_MEASURED, count, duration, joined, length, number, percent, plural
from flawforge.runs.history import Line
from flawforge.runs.records import AuditRecord
from flawforge.runs.run_settings import RunSettings
from flawforge.runs.scores import ScoreRecord


class Headline(NamedTuple):
    """Title, the outcome in plain sentences, and facts: what it is, the number, and what to read it by."""

    title: str
    sentences: list[str]
    facts: list[tuple[str, str, str]]


def headline(
    settings: RunSettings,
    last: Line | None,
    synthetic: Synthetic | None,
    audit: AuditRecord | None,
    score: ScoreRecord | None = None,
    damaged: tuple[str, ...] = (),
) -> Headline:
    """Make the top of the page. `last` is the last logged step of the training, `damaged` are records left out."""
    name = str(settings.recipe.get("name") or "unnamed recipe")
    source = settings.data.source or "unknown data"
    short = PurePath(source.replace("\\", "/")).name or source
    labels, samples = list(settings.data.classes), settings.data.samples
    on = "an unrecorded number of images" if samples is None else plural(samples, "image")
    classes = f" of {joined(labels)}" if labels else ""
    sentences = [f"{name} was trained on {on}{classes} ({short}){_length(last)}."]
    if synthetic is None:
        sentences.append("No images have been generated yet.")
    else:
        part = "" if synthetic.complete or not synthetic.facts else "; the set is not complete"
        sentences.append(f"{plural(len(synthetic.images), 'image was', 'images were')} generated{part}.")
    if audit is not None:
        sentences.append(audit.sentence)
    elif synthetic is not None and "audit" not in damaged:
        sentences.append("They have not been tested for copies yet.")
    if score is not None:
        sentences.append(score.sentence)
    sentences += [f"The record of the {kind} is damaged and not shown." for kind in damaged]
    title = f"{name} on {joined(labels, 3)}, {short}" if 0 < len(labels) <= 3 else f"{name} on {short}"
    return Headline(title, sentences, _facts(samples, labels, last or {}, synthetic, audit))


def _length(last: Line | None) -> str:
    if last is None or "kimg" not in last:
        return "; no step of the training is logged"
    seconds = last.get("seconds")
    time = f" in {duration(float(seconds))}" if isinstance(seconds, (int, float)) else ""
    return f" for {length(float(last['kimg']))}{time}"


def _facts(
    samples: int | None, labels: list[str], last: Line, synthetic: Synthetic | None, audit: AuditRecord | None
) -> list[tuple[str, str, str]]:
    kimg, seconds = last.get("kimg"), last.get("seconds")
    trained = "not started" if kimg is None else length(float(kimg))
    facts = [
        (
            "Training images",
            "not recorded" if samples is None else count(samples),
            plural(len(labels), "class", "classes") if labels else "",
        ),
        ("Training", trained, "" if seconds is None else duration(float(seconds))),
        ("Generated", count(len(synthetic.images)), plural(len(synthetic.counts), "class", "classes"))
        if synthetic
        else ("Generated", "none yet", ""),
    ]
    if audit is None:
        return [*facts, ("Exact copies", NOT_MEASURED, "no audit yet")]
    n, exact, factor = audit.n_generated, audit.exact_copies, audit.root_mean_square
    verdict = audit.copying.verdict if audit.copying is not None else ""
    if verdict.startswith(("inconclusive", "too few", "cannot tell")) and not exact:
        facts.append(("Copies", "inconclusive", f"0 exact copies of {count(n)}"))
    else:
        facts.append(("Exact copies", count(exact), f"of {count(n)}, {percent(exact / n)}" if n else ""))
    median = audit.generated_to_real.quantiles.get("50%")
    real = audit.real_to_real.quantiles.get("50%") if audit.real_to_real else None
    if median is not None:
        beside = number(real * factor if real is not None else None)
        facts.append(("Median distance to nearest", number(median * factor), f"gray levels; real to real {beside}"))
    return facts
