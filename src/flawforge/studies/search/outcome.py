"""What a search found: its trials as a table, how much each setting mattered, and one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from flawforge.runs.searches import Confirmation, Sensitivity, SettingsTried
from flawforge.studies.search.space import Knob
from flawforge.studies.search.storage import Store, require_optuna

LEAST = 8  # trials below which no importance is given
FEW = 4  # values of a setting that a correlation takes at least


def trials_of(store: Store) -> list[SettingsTried]:
    """Return every trial that has ended, in the order of asking."""
    from optuna.trial import TrialState

    words = {TrialState.COMPLETE: "whole", TrialState.PRUNED: "pruned", TrialState.FAIL: "broken off"}
    found = []
    for trial in store.study.get_trials(deepcopy=False, states=tuple(words)):
        facts = trial.user_attrs
        seconds = sum(float(facts[key]) for key in facts if key.startswith("seconds"))
        found.append(
            SettingsTried(
                number=trial.number,
                settings=store.settings(trial),
                kids=[trial.intermediate_values[step] for step in sorted(trial.intermediate_values)],
                outcome="diverged" if facts.get("diverged") else words[trial.state],  # type: ignore[arg-type]
                seconds=seconds,
                folder=str(facts.get("folder", "")),
            )
        )
    return found


def best_of(trials: Sequence[SettingsTried]) -> SettingsTried | None:
    """Return the whole trial with the smallest kernel distance, or None when none is whole."""
    whole = [trial for trial in trials if trial.outcome == "whole"]
    return min(whole, key=lambda trial: (trial.kids[-1], trial.number)) if whole else None


def sensitivities(knobs: Sequence[Knob], trials: Sequence[SettingsTried]) -> list[Sensitivity]:
    """Return how much each setting mattered at the first rung, most important first."""
    seen = [trial for trial in trials if trial.kids]
    shares = _importances(knobs, [t for t in seen if all(knob.holds(t.settings[knob.field]) for knob in knobs)])
    found = []
    for knob in knobs:
        values = [trial.settings[knob.field] for trial in seen]
        correlation, p_value = _relation(knob, values, [trial.kids[0] for trial in seen])
        found.append(
            Sensitivity(
                field=knob.field,
                tried=knob.text,
                by_ratio=knob.by_ratio,
                importance=shares.get(knob.field),
                correlation=correlation,
                p_value=p_value,
            )
        )
    return sorted(found, key=lambda one: -(one.importance if one.importance is not None else -1.0))


def _importances(knobs: Sequence[Knob], trials: Sequence[SettingsTried]) -> dict[str, float]:
    if len(trials) < LEAST or len({trial.kids[0] for trial in trials}) < LEAST:
        return {}
    optuna = require_optuna()
    study = optuna.create_study()
    distributions = {knob.field: knob.distribution() for knob in knobs}
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(params=trial.settings, distributions=distributions, value=trial.kids[0])
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {field: float(share) for field, share in found.items()}


def _relation(knob: Knob, values: Sequence[object], kids: Sequence[float]) -> tuple[float | None, float | None]:
    if knob.choices:
        parts = [[kid for value, kid in zip(values, kids, strict=True) if value == choice] for choice in knob.choices]
        parts = [part for part in parts if len(part) > 1]
        if len(parts) < 2 or len({kid for part in parts for kid in part}) < 2:
            return None, None
        return None, float(stats.kruskal(*parts).pvalue)
    if len(set(values)) < FEW or len(set(kids)) < FEW:
        return None, None
    result = stats.spearmanr(np.array(values, dtype=float), kids)
    return float(result.statistic), float(result.pvalue)


def is_improved(confirmations: Sequence[Confirmation]) -> bool | None:
    """Return whether the best settings have the smaller mean distance on fresh seeds; None when not compared."""
    means = {who: [one.kid for one in confirmations if one.settings == who] for who in ("start", "best")}
    if not all(means.values()):
        return None
    return float(np.mean(means["best"])) < float(np.mean(means["start"]))


def search_sentence(
    trials: Sequence[SettingsTried],
    best: SettingsTried | None,
    confirmations: Sequence[Confirmation],
    start: Mapping[str, Any],
) -> str:
    """Say in one or two sentences what came out; `start` is the recipe that the search started from, as a record has
    it.
    """
    name = start["name"]
    counted = [trial for trial in trials if trial.outcome != "broken off"]
    pruned = sum(trial.outcome != "whole" for trial in counted)
    count = f"{len(counted)} settings were tried ({pruned} given up early)"
    if best is None:
        return f"{count}; none was trained to its full length, so recipe {name} stays as it is."
    if not confirmations:
        if all(start[field] == value for field, value in best.settings.items()):
            return f"{count}; none did better on the held-out images than recipe {name} as it is."
        return f"{count}; the best has a kernel distance of {best.kids[-1]:.3g}. It was not compared on fresh seeds."
    means = {
        who: float(np.mean([one.kid for one in confirmations if one.settings == who])) for who in ("start", "best")
    }
    seeds = len(confirmations) // 2
    compared = (
        f"on {seeds} fresh seed{'s' * (seeds != 1)} and images that nothing was chosen by, the best settings reach a "
        f"kernel distance of {means['best']:.3g}, recipe {name} as it is {means['start']:.3g}"
    )
    if means["best"] < means["start"]:
        return f"{count}; {compared}."
    return f"{count}, but the gain did not hold: {compared}. The recipe stays as it is."
