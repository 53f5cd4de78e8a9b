"""What came out of a search: its trials as a table, how much each setting mattered, and the outcome in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from flawforge.core.plural import plural
from flawforge.runs.searches import IMPORTANCE_TRIALS, Confirmation, Sensitivity, SettingsTried
from flawforge.studies.search.plan import SettingRange
from flawforge.studies.search.storage import TrialStore, require_optuna

CORRELATION_VALUES = 4  # of a setting, that a correlation needs


def trials_of(store: TrialStore) -> list[SettingsTried]:
    """Return every trial that has ended, in the order of asking."""
    from optuna.trial import TrialState

    outcomes = {TrialState.COMPLETE: "whole", TrialState.PRUNED: "pruned", TrialState.FAIL: "broken off"}
    tried = []
    for trial in store.study.get_trials(deepcopy=False, states=tuple(outcomes)):
        facts = trial.user_attrs
        tried.append(
            SettingsTried(
                number=trial.number,
                settings=store.settings(trial),
                kids=[trial.intermediate_values[step] for step in sorted(trial.intermediate_values)],
                outcome="diverged" if facts.get("diverged") else outcomes[trial.state],  # type: ignore[arg-type]
                seconds=sum(float(facts[key]) for key in facts if key.startswith("seconds")),
                folder=str(facts.get("folder", "")),
            )
        )
    return tried


def best_trial(trials: Sequence[SettingsTried]) -> SettingsTried | None:
    """Return the whole trial with the smallest kernel distance, or None when none is whole."""
    whole = [trial for trial in trials if trial.outcome == "whole"]
    return min(whole, key=lambda trial: (trial.kids[-1], trial.number), default=None)


def sensitivities(ranges: Sequence[SettingRange], trials: Sequence[SettingsTried]) -> list[Sensitivity]:
    """Return how much each setting mattered at the first rung, most important first."""
    seen = [trial for trial in trials if trial.kids]
    shares = _importances(ranges, [t for t in seen if all(span.holds(t.settings[span.field]) for span in ranges)])
    measured = []
    for span in ranges:
        values = [trial.settings[span.field] for trial in seen]
        correlation, p_value = _relation(span, values, [trial.kids[0] for trial in seen])
        measured.append(
            Sensitivity(
                field=span.field,
                tried=span.text,
                by_ratio=span.by_ratio,
                importance=shares.get(span.field),
                correlation=correlation,
                p_value=p_value,
            )
        )
    return sorted(measured, key=lambda setting: -(setting.importance if setting.importance is not None else -1.0))


def _importances(ranges: Sequence[SettingRange], trials: Sequence[SettingsTried]) -> dict[str, float]:
    if len({trial.kids[0] for trial in trials}) < IMPORTANCE_TRIALS:
        return {}
    optuna = require_optuna()
    study = optuna.create_study()
    distributions = {span.field: span.distribution() for span in ranges}
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(params=trial.settings, distributions=distributions, value=trial.kids[0])
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _relation(span: SettingRange, values: Sequence[object], kids: Sequence[float]) -> tuple[float | None, float | None]:
    if span.choices:
        parts = [[kid for value, kid in zip(values, kids, strict=True) if value == choice] for choice in span.choices]
        parts = [part for part in parts if len(part) > 1]
        if len(parts) < 2 or len({kid for part in parts for kid in part}) < 2:
            return None, None
        return None, float(stats.kruskal(*parts).pvalue)
    if min(len(set(values)), len(set(kids))) < CORRELATION_VALUES:
        return None, None
    result = stats.spearmanr(np.array(values, dtype=float), kids)
    return float(result.statistic), float(result.pvalue)


def confirmed_means(confirmations: Sequence[Confirmation]) -> tuple[float, float] | None:
    """Return the mean distances of the recipe as it was and of the best settings on fresh seeds, None without any."""
    kids = [[each.kid for each in confirmations if each.settings == side] for side in ("start", "best")]
    return (float(np.mean(kids[0])), float(np.mean(kids[1]))) if all(kids) else None


def search_sentence(
    *,
    tried: int,
    stopped: int,
    recipe: str,
    best: float | None = None,
    is_start: bool = False,
    seeds: int = 0,
    means: tuple[float, float] | None = None,
) -> str:
    """Return the outcome of a search in plain English.

    Args:
        tried: settings that were tried.
        stopped: of them stopped early.
        recipe: name of the recipe that the search started from.
        best: smallest kernel distance of a trial of full length, or None.
        is_start: whether that trial had the recipe's own settings.
        seeds: fresh seeds on which the best settings were compared with the recipe.
        means: kernel distances of recipe and best settings on these, or None.
    """
    count = f"{tried:,} settings were tried, {stopped:,} of them stopped early."
    if best is None:
        return f"{count} None was trained to its full length, so recipe {recipe} stays as it is."
    if is_start:
        return f"{count} None did better on the held-out images than recipe {recipe} as it is."
    if means is None:
        return f"{count} The best have a kernel distance of {best:.3g}; they were not compared on fresh seeds."
    compared = (
        f"On {plural(seeds, 'fresh seed')} and images that nothing was chosen by, the best settings have a "
        f"kernel distance of {means[1]:.3g}, recipe {recipe} has {means[0]:.3g}."
    )
    if means[1] < means[0]:
        return f"{count} {compared}"
    return f"{count} The gain did not hold. {compared} The recipe stays as it is."
