"""Export a generator: a run in; one ONNX file that was checked against PyTorch, and a card of what it is, out."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from flawforge.core.arrays import Floats32
from flawforge.core.errors import ExtraMissingError, RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.files import explain_os_errors, write_bytes, write_text
from flawforge.core.folder_kinds import refuse_taken
from flawforge.core.images import in_words
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.models.latents import draw_latents
from flawforge.models.onnx_export import as_onnx, run_onnx, with_facts
from flawforge.runs.checkpoint import BEST, Checkpoint, load_weights
from flawforge.runs.folder import Run
from flawforge.runs.generator.cards import (
    EXPORTED,
    FILES,
    NOT_STATED,
    GeneratorCard,
    JudgementOnCard,
    generator_card_text,
)
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.model_cards import CARD, CARD_TEXT, GENERATOR, OnnxCheck
from flawforge.runs.records import load_record, write_record
from flawforge.runs.set_files import FACTS, SetFiles, read_facts
from flawforge.runs.versions import now, versions
from flawforge.studies.synthesis import MIXED, Sampler, refuse_without_latent

LARGEST_DIFFERENCE = 1e-4  # of any value, from -1 to 1
CHECKED = 64  # images, spread over the classes
PARTS = 7  # of them at a time: another batch than the example's, and a last one of another size still
LONGEST = 300  # letters of a licence


def export_model(
    run: Run | str | Path,
    out: str | Path | None = None,
    *,
    licence: str = NOT_STATED,
    checkpoint: str | int = BEST,
    overwrite: bool = False,
    wait: bool = False,
    command: str = "flawforge.export_model(...)",
    progress: Progress = SILENT,
) -> GeneratorCard:
    """Write a run's generator as one ONNX file for other programs, with a card that says what it is.

    Latents and class numbers are inputs, the batch is free. The file is written only if it gives what PyTorch gives,
    within 0.0001 from -1 (black) to 1 (white), on 64 images of all classes.

    Args:
        run: a run with a checkpoint.
        out: folder for ``generator.onnx``, ``card.md`` and ``card.json``; None takes ``exported`` in the run's.
        licence: of the training images, as you state it; it stands on the card.
        checkpoint: ``best`` as training judged it, ``newest``, or the number of a step that is there.
        overwrite: replace an exported generator that is in the folder.
        wait: wait for another process that writes there; else it is refused.
        command: what to write into the card.
        progress: where to tell how far it is.

    Returns:
        The card.

    Raises:
        RunNotFoundError: no run, or no checkpoint in it.
        SettingError: the recipe has no latent (``compose``), or ONNX cannot hold the network; or the licence is no
            text of one line.
        ExtraMissingError: onnx or onnxruntime is not installed.
        RunExistsError: the folder holds something else, or a generator (without `overwrite`). FolderBusyError: another
            process writes there.
        RunUnwritableError, DiskFullError: the disk.
    """
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        raise ExtraMissingError("export-model", "export")
    licence = licence.strip()
    if not (licence.isprintable() and 0 < len(licence) <= LONGEST):
        raise SettingError(f"--licence is a text of one line, of 1 to {LONGEST} letters, such as 'CC BY 4.0'.")
    run = run if isinstance(run, Run) else Run.open(run)
    refuse_without_latent(run, "export-model")
    folder = run.path / EXPORTED if out is None else Path(out)
    refuse_taken(folder, "generator export", overwrite)
    with FolderLock(folder, "generator export", command, wait, progress):
        refuse_taken(folder, "generator export", overwrite)
        weights, tensors = load_weights(run, checkpoint, progress)
        sampler = Sampler(run, weights, torch.device("cpu"), tensors)
        with progress.task("writing and checking the ONNX file", None):
            content, difference = _checked(sampler)
        content = with_facts(content, _facts(sampler, licence))
        check = OnnxCheck(sha256=hashlib.sha256(content).hexdigest(), images=CHECKED, difference=difference)
        card = _card(run, sampler, weights, licence, check, command)
        with explain_os_errors(folder):
            for name in FILES:
                (folder / name).unlink(missing_ok=True)
        write_bytes(folder / GENERATOR, content)
        write_text(folder / CARD_TEXT, generator_card_text(card))
        write_record(folder / CARD, card)  # last: it makes the export whole
    return card


def _checked(sampler: Sampler) -> tuple[bytes, float]:
    """Return the file's content and by how much its images differ from PyTorch's, at most.

    Raises:
        SettingError: ONNX cannot hold the network, or it differs by more than is allowed.
    """
    latents, labels = _inputs(sampler)
    inputs = {"latents": latents} if labels is None else {"latents": latents, "labels": labels}
    try:
        content = as_onnx(sampler.network, {name: rows[:2] for name, rows in inputs.items()}, "images")
        found = run_onnx(content, {name: rows.numpy() for name, rows in inputs.items()}, PARTS)
    except Exception as error:  # exporter and runtime raise nearly any type for what they do not know
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise SettingError(f"this network cannot be written as ONNX ({type(error).__name__}: {reason}).") from error
    difference = float(np.abs(found - _by_torch(sampler.network, latents, labels)).max())
    if not difference <= LARGEST_DIFFERENCE:  # not a number is no small difference
        raise SettingError(
            f"the ONNX file's images differed from PyTorch's by up to {difference:.2g}, from -1 to 1, so it was not "
            f"written. Allowed: {LARGEST_DIFFERENCE:g}."
        )
    return content, difference


def _inputs(sampler: Sampler) -> tuple[Tensor, Tensor | None]:
    """Return latents (N, L) and class numbers (N,) to compare on, images of all classes; None without classes."""
    numbers = torch.arange(CHECKED) % len(sampler.classes)
    positions = [(sampler.classes[number], index) for index, number in enumerate(numbers.tolist())]
    latents = draw_latents(0, "samples", positions, sampler.recipe.latent)
    return latents, numbers if sampler.recipe.knows_classes else None


def _by_torch(network: nn.Module, latents: Tensor, labels: Tensor | None) -> Floats32:
    with torch.inference_mode():
        return np.asarray(network(latents, labels).numpy(), dtype=np.float32)


def _facts(sampler: Sampler, licence: str) -> dict[str, str]:
    """Return what stands in the file's metadata, so that it says what it is without its card."""
    return {
        "made_by": "Flawforge",
        "checkpoint": sampler.checkpoint.name,
        "classes": json.dumps(_classes(sampler), ensure_ascii=False),
        "images": "float32 from -1 (black) to 1 (white)",
        "licence_of_the_training_images": licence,
    }


def _classes(sampler: Sampler) -> list[str]:
    return sampler.classes if sampler.recipe.knows_classes or len(sampler.classes) == 1 else [MIXED]


def _card(
    run: Run, sampler: Sampler, weights: Checkpoint, licence: str, check: OnnxCheck, command: str
) -> GeneratorCard:
    settings = run.settings
    forms: dict[str, int] = {}
    for form in settings.data.formats:
        name = f"{form.width} x {form.height} {in_words(form.mode)}"
        forms[name] = forms.get(name, 0) + form.count
    return GeneratorCard(
        made=now(),
        versions=versions(),
        command=command,
        inputs={"checkpoint": weights.name},
        data_warnings=settings.data.warnings,
        recipe=settings.recipe,
        seed=settings.seed,
        checkpoint=weights.name,
        step=weights.step,
        kimg=weights.facts.get("kimg"),
        classes=_classes(sampler),
        takes_labels=sampler.recipe.knows_classes,
        latent=sampler.recipe.latent,
        channels=sampler.channels,
        resolution=sampler.recipe.resolution,
        source=settings.data.source,
        fingerprint=settings.data.fingerprint,
        training=settings.data.classes,
        unlabelled=settings.unlabelled.count if settings.unlabelled else 0,
        stored_as=[f"{name} ({count})" for name, count in forms.items()],
        licence=licence,
        judgements=[_judgement(run, "audit", AuditRecord, weights), _judgement(run, "score", ScoreRecord, weights)],
        onnx=check,
        trained_by=settings.command,
    )


def _judgement(
    run: Run, verb: str, record_class: type[AuditRecord] | type[ScoreRecord], weights: Checkpoint
) -> JudgementOnCard:
    """Return what a record says, and whether it is about images of these weights."""
    try:
        record = load_record(run, verb, record_class)
    except RunNotFoundError:
        return JudgementOnCard(verb=verb, sentence="")
    except RunBrokenError as error:
        return JudgementOnCard(verb=verb, sentence=str(error))
    other = record.inputs.get("synthetic") != _own_set(run, weights)
    return JudgementOnCard(
        verb=verb, sentence=record.sentence, made=record.made, images=record.n_generated, other=other
    )


def _own_set(run: Run, weights: Checkpoint) -> str | None:
    """Return the fingerprint of the run's synthetic set, or None where these weights did not make it."""
    if not (run.synthetic / FACTS).is_file():
        return None
    try:
        facts = read_facts(run.synthetic)
        return SetFiles.look(run.synthetic, facts).fingerprint if facts.get("checkpoint") == weights.name else None
    except RunBrokenError:
        return None
