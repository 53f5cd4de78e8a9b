"""The top of the page: what was trained on what, what came out, in a sentence and a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from flawforge.reports.run.synthetic import Synthetic
from flawforge.reports.words import NOT_MEASURED, count, duration, joined, length, number, percent, plural
from flawforge.runs.history import Line
from flawforge.runs.records import AuditRecord
from flawforge.runs.run_settings import RunSettings
from flawforge.runs.scores import ScoreRecord


@dataclass(frozen=True)
class Fact:
    """One number at the top: what it is, the number, and what to read it by."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """Title, the outcome in plain sentences, and the facts."""

    title: str
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]


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
    sentences = [f"{name} learned from {on}{classes} ({short}){_length(last)}."]
    if synthetic is None:
        sentences.append("No images have been generated yet, so none has been checked for copies.")
    else:
        part = "" if synthetic.complete or not synthetic.facts else "; the set is not complete"
        sentences.append(f"{plural(len(synthetic.images), 'image was', 'images were')} generated{part}.")
    if audit is not None:
        sentences.append(audit.sentence)
    elif synthetic is not None and "audit" not in damaged:
        sentences.append("Whether they are copies has not been checked yet.")
    if score is not None:
        sentences.append(score.sentence)
    sentences += [f"The record of the {kind} is damaged and left out." for kind in damaged]
    title = f"{name} on {joined(labels, 3)}, {short}" if 0 < len(labels) <= 3 else f"{name} on {short}"
    return Headline(title, tuple(sentences), _facts(samples, labels, last, synthetic, audit))


def _length(last: Line | None) -> str:
    if last is None or "kimg" not in last:
        return "; no step of the training is logged"
    seconds = last.get("seconds")
    time = f" in {duration(float(seconds))}" if isinstance(seconds, (int, float)) else ""
    return f" for {length(float(last['kimg']))}{time}"


def _facts(
    samples: int | None, labels: list[str], last: Line | None, synthetic: Synthetic | None, audit: AuditRecord | None
) -> tuple[Fact, ...]:
    kimg = last.get("kimg") if last else None
    seconds = last.get("seconds") if last else None
    facts = [
        Fact("Training images", "not recorded" if samples is None else count(samples),
             plural(len(labels), "class", "classes") if labels else ""),
        Fact("Training", length(float(kimg)) if kimg is not None else "not started",
             duration(float(seconds)) if seconds is not None else ""),
        Fact("Generated", count(len(synthetic.images)) if synthetic else "none yet",
             plural(len(synthetic.counts), "class", "classes") if synthetic else ""),
    ]  # fmt: skip
    if audit is None:
        return (*facts, Fact("Exact copies", NOT_MEASURED, "no audit yet"))
    n = audit.n_generated
    blind = audit.copying is not None and audit.copying.verdict.startswith(("inconclusive", "too few", "cannot tell"))
    facts.append(
        Fact("Copies", "cannot tell", f"none of {count(n)} is an exact one")
        if blind and not audit.exact_copies
        else Fact(
            "Exact copies", count(audit.exact_copies), f"of {count(n)}, {percent(audit.exact_copies / n)}" if n else ""
        )
    )
    made = audit.generated_to_real.quantiles.get("50%")
    real = audit.real_to_real.quantiles.get("50%") if audit.real_to_real else None
    if made is not None:
        gray = number(made * audit.root_mean_square)
        beside = number(real * audit.root_mean_square if real is not None else None)
        facts.append(Fact("Median distance to nearest", gray, f"gray levels; real to real {beside}"))
    return tuple(facts)
