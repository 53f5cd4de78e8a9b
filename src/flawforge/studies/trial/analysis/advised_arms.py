"""Which arm to take with each model: what the model to keep is trained as."""

from __future__ import annotations

from flawforge.runs.trial_words import kind
from flawforge.runs.trials import AdvisedArm, Comparison
from flawforge.studies.trial.analysis.comparison import (
    better_without_generator,
    estimate,
    gains_over,
    without_generating,
)
from flawforge.studies.trial.analysis.evidence import Evidence


def advised_arms(evidence: Evidence, comparisons: list[Comparison]) -> list[AdvisedArm]:
    """Return for each model the arm to take, as measured with the largest number of shots.

    It is the one with new images where these help, else the best without a generator that beats `classical`, else
    `classical`.
    """
    largest = {model: (shots, model) for shots, model in evidence.settings()}
    words = {(c.shots, c.model): c for c in comparisons if c.primary and c.word == "helps"}
    levels = {(c.shots, c.model): c.gain.level for c in comparisons}
    found = []
    for model, setting in largest.items():
        level, where = levels.get(setting, 0.95), evidence.where(setting)
        better = better_without_generator(evidence, setting, level)
        alone = without_generating(evidence, setting).get("one-class")
        if alone is not None and (estimate(alone, level).low or 0) > 0:
            rivals = [("one-class", estimate(alone, level)), *([] if better is None else [better])]
            better = max(rivals, key=lambda rival: rival[1].value or 0)
        if setting in words:
            arm = words[setting].arm
            over = gains_over(evidence, setting, arm, ["classical"])
            gain = estimate(over["classical"], level) if over else None
            why = f"{kind(arm).capitalize()} images helped {where}: {words[setting].why}."
        elif better is not None:
            arm, gain = better
            why = f"{arm} beat classical {where}, and needs no generator."
        else:
            arm, gain, why = "classical", None, f"No arm was clearly better than classical {where}."
        found.append(AdvisedArm(shots=setting[0], model=model, arm=arm, why=why, gain=gain))
    return found
