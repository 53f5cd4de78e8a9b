"""The models to keep: of each classifier the advised arm, trained on all images outside the test set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flawforge.core.errors import RunBrokenError, RunNotFoundError, TrainingInterruptedError
from flawforge.core.files import explain_os_errors, sha256_file, write_text
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.core.settings.arms import ARMS
from flawforge.runs.cells import CELLS, Cell, CellKey, read_cells
from flawforge.runs.model_cards import (
    CARD,
    CARD_TEXT,
    DIGITS,
    MODELS,
    ONNX,
    WEIGHTS,
    InputFormat,
    ModelCard,
    card_text,
    figures_in_words,
    of_evaluation,
    read_card,
)
from flawforge.runs.records import write_record
from flawforge.runs.trial_words import training_images
from flawforge.runs.trials import AdvisedArm, KeptModel, TrialRecord, write_trial
from flawforge.runs.versions import now, versions
from flawforge.studies.prediction import (
    NO_ONNX,
    evaluate,
    logit_shift,
    network_parts,
    open_model,
    write_onnx,
    write_weights,
)
from flawforge.studies.trial.analysis.record import inner_choice, sampling_choice
from flawforge.studies.trial.cells.arm_training import ArmTraining
from flawforge.studies.trial.cells.composing import ComposedUsage
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, GeneratedBatch, Usage, prepare
from flawforge.studies.trial.cells.material import UNTUNED
from flawforge.studies.trial.cells.sampling import USUAL_SAMPLING, Sampling
from flawforge.studies.trial.execution.local import one_thread
from flawforge.studies.trial.setup.bench import Bench

GENERATOR = "generator"  # folder below a model's, where its arm needs a generator of its own
ALL = "images outside the test set"


@dataclass(frozen=True)
class ModelToKeep:
    """One model to train.

    Attributes:
        advised: the arm.
        usage: of generated or composed images; None where nothing of it was chosen.
        sampling: how batches are drawn and logits adjusted.
        key: hash of all that decides the weights.
    """

    advised: AdvisedArm
    usage: Usage | ComposedUsage | None
    sampling: Sampling
    key: str

    @property
    def trained_as(self) -> str:
        """The arm that it is trained as: `recommended` names none where it uses composed images."""
        return self.usage.arm if isinstance(self.usage, ComposedUsage) else self.advised.arm

    @property
    def folder(self) -> str:
        """Below the trial's folder."""
        return f"{MODELS}/{folder_name(self.advised.model)}"


def folder_name(model: str) -> str:
    """Return the name of a model's folder: its own, without what a file system or a shell may not like."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in model)


def keep_models(folder: Path, bench: Bench, record: TrialRecord, progress: Progress = SILENT) -> TrialRecord:
    """Train the advised arm of each model on all images outside the test set, and write it into the trial's folder.

    A model that is there already, trained on the same images with the same settings, is left as it is.

    Args:
        folder: of the trial.
        bench: of the trial.
        record: of the trial; the models are added to it, and it is written again.
        progress: where to tell how far it is.

    Raises:
        DataUnusableError: the generator's images show test images. TrainingInterruptedError: Ctrl-C; what was written
            before stays. RunUnwritableError, DiskFullError: the disk.
    """
    cells = read_cells(folder / CELLS, bench.protocol)
    plans = [_plan(bench, advised, cells) for advised in record.advised]
    best = _best_model(record)
    kept = []
    for plan in progress.each("models to keep", plans, "models"):
        try:
            card = _kept_before(folder / plan.folder, plan, bench) or _trained(folder, bench, record, plan, progress)
        except KeyboardInterrupt as error:
            raise TrainingInterruptedError(
                f"stopped while the model to keep was trained. The verdict is in {folder}. Run the same command "
                f"again to go on, or leave the models out with --no-model."
            ) from error
        kept.append(
            KeptModel(
                model=card.model,
                arm=card.arm,
                folder=plan.folder,
                measured=_in_words(card),
                best=plan.advised.model == best,
                onnx=card.onnx is not None,
            )
        )
    record = record.model_copy(update={"kept": kept})
    write_trial(folder, record)
    return record


def _plan(bench: Bench, advised: AdvisedArm, cells: Mapping[CellKey, Cell]) -> ModelToKeep:
    setting = (advised.shots, advised.model)
    choice = inner_choice(cells, setting) if ARMS[advised.arm].needs_choice else None
    usage: Usage | ComposedUsage | None = None
    if choice is not None and advised.arm == choice.advised == "recommended":
        usage = choice.composing
    elif ARMS[advised.arm].needs_generator:
        usage = DEFAULT_USAGE if choice is None else choice.usage
    drawn = sampling_choice(cells, setting) if advised.arm != UNTUNED else None
    sampling = USUAL_SAMPLING if drawn is None else drawn.sampling
    chosen = [None if usage is None else usage.model_dump(mode="json"), sampling.model_dump(mode="json")]
    decides = [bench.protocol, advised.model, advised.arm, *chosen]
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return ModelToKeep(advised, usage, sampling, key)


def _kept_before(place: Path, plan: ModelToKeep, bench: Bench) -> ModelCard | None:
    """Return the card of a model that is there whole; where its ONNX file could not be written for want of a package
    that is there now, it is written.
    """
    try:
        card = read_card(place)
    except (RunNotFoundError, RunBrokenError):
        return None
    file = place / WEIGHTS
    if card.key != plan.key or not file.is_file() or sha256_file(file) != card.weights_sha256:
        return None
    if card.onnx is not None and (place / ONNX).is_file():
        return card
    if card.onnx is None and card.onnx_missing != NO_ONNX:
        return card
    check, reason = write_onnx(place, open_model(place)[1], bench.images[bench.division.test])
    return _write_card(place, card.model_copy(update={"onnx": check, "onnx_missing": reason}))


def _trained(folder: Path, bench: Bench, record: TrialRecord, plan: ModelToKeep, progress: Progress) -> ModelCard:
    """Train a model, judge it on the test images, and write it; the card comes last and makes the model whole."""
    advised, place, division = plan.advised, folder / plan.folder, bench.division
    with explain_os_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        (place / CARD).unlink(missing_ok=True)
    progress.say(f"Training the model to keep: {advised.model}, arm {advised.arm}, on all {len(division.pool)} {ALL}")
    seed = derive(bench.settings.seed, "weights", "kept")
    with one_thread():
        generated: GeneratedBatch | None = None
        if isinstance(plan.usage, Usage):
            generated, _ = prepare(bench, division.pool, derive(seed, "samples") >> 32, place / GENERATOR, progress)
        arms = ArmTraining(bench, division.pool, seed, advised.model, sampling=plan.sampling)
        trained = arms.train(plan.trained_as, generated, plan.usage or DEFAULT_USAGE).cpu()
        probabilities = arms.predictions(trained, division.test)
        weights = write_weights(place, trained)
        onnx, reason = write_onnx(place, trained, bench.images[division.test])
    if onnx is None:
        progress.say(f"No ONNX file for {advised.model}: {reason}")
    labels = bench.targets(bench.dataset.labels[division.test])
    found = evaluate(probabilities, labels, bench.classes, bench.settings.task, division.groups[division.test])
    pool_labels = bench.targets(bench.dataset.labels[division.pool])
    measured = next(
        one for one in record.results if (one.shots, one.model, one.arm) == (advised.shots, advised.model, advised.arm)
    )
    card = ModelCard(
        made=now(),
        versions=versions(),
        command=record.command,
        inputs=record.inputs,
        key=plan.key,
        model=advised.model,
        task="good" if bench.settings.task == "good" else "type",
        classes=list(bench.classes),
        known=list(bench.dataset.classes),
        good=bench.classes[0] if bench.settings.task == "good" else None,
        arm=advised.arm,
        why=advised.why,
        usage=None if plan.usage is None else plan.usage.name,
        input=_input(bench),
        parts=network_parts(trained),
        sampling=plan.sampling.name,
        logit_shift=logit_shift(trained, len(bench.classes)),
        shots=training_images(advised.shots, bench.settings.rare),
        repeats=len(measured.seeds),
        measured=measured.metrics,
        metric=record.protocol.metric,
        gain=advised.gain,
        training={name: int((pool_labels == code).sum()) for code, name in enumerate(bench.classes)},
        trained_on=sorted(bench.dataset.samples[int(index)].sha256[:DIGITS] for index in division.pool),
        test=found,
        test_sha256=division.sha256,
        steps=bench.settings.steps,
        batch=bench.settings.batch,
        seed=bench.settings.seed,
        weights_sha256=weights,
        onnx=onnx,
        onnx_missing=reason,
        notes=record.notes,
    )
    return _write_card(place, card)


def _input(bench: Bench) -> InputFormat:
    data, samples = bench.dataset, bench.dataset.samples
    heights, widths = [sample.height for sample in samples], [sample.width for sample in samples]
    deep = any(sample.format.mode == "I;16" for sample in samples)
    return InputFormat(
        channels=bench.images.shape[1],
        resolution=bench.settings.resolution,
        jpeg_quality=bench.quality,
        bits=data.bits,
        white=data.deep_white if deep else None,
        heights=(min(heights), max(heights)),
        widths=(min(widths), max(widths)),
        choices=data.choices.unusual(),
    )


def _write_card(place: Path, card: ModelCard) -> ModelCard:
    write_text(place / CARD_TEXT, card_text(card))
    write_record(place / CARD, card)
    return card


def _in_words(card: ModelCard) -> str:
    figures = of_evaluation(card.test)
    name = next(iter(figures))
    missed = f"; it found {card.test.never_found}" if card.test.never_found else ""
    return f"{figures_in_words({name: figures[name]})} on {card.test.images} test images{missed}"


def _best_model(record: TrialRecord) -> str:
    """Return the model whose advised arm has the best figure; the first of equals."""
    found = {
        (result.shots, result.model, result.arm): result.metrics[record.protocol.metric].value or 0.0
        for result in record.results
        if record.protocol.metric in result.metrics
    }
    scores = {one.model: found.get((one.shots, one.model, one.arm), 0.0) for one in record.advised}
    return max(scores, key=lambda model: scores[model], default="")
