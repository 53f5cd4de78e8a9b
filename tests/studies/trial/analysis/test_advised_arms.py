"""Which arm the model to keep is trained as: it is the one that the advice names."""

from __future__ import annotations

from dataclasses import replace

from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.verdict import judge
from trial_calibration import World, simulate

SMALL = World(images=420, pieces=300, classes=3)


def renamed(evidence: Evidence, **names: str) -> Evidence:
    """The same results under the names of other arms."""
    cells = {replace(key, arm=names.get(key.arm, key.arm)): one for key, one in evidence.cells.items()}
    return replace(evidence, cells=cells, chosen={}, _kept={})


def test_the_arm_with_generated_images_where_they_help(helped: Evidence) -> None:
    found = judge(helped)
    assert found.verdict.word == "helps"
    (advised,) = found.advised
    (only,) = (comparison for comparison in found.comparisons if comparison.primary)
    assert (advised.arm, advised.model, advised.shots) == (only.arm, "simulated", 10)
    assert advised.gain is not None
    assert advised.gain.low is not None
    assert advised.gain.low > 0
    assert advised.why.startswith("Generated images helped at 10 images per class (simulated): a gain over ")


def test_else_the_arm_that_beats_classical_without_a_generator(helped: Evidence) -> None:
    found = judge(renamed(helped, generated="pseudo-labelled"))
    assert any("needs no generator: pseudo-labelled beat classical" in line for line in found.verdict.advice)
    (advised,) = found.advised
    assert advised.arm == "pseudo-labelled"
    assert advised.why == "pseudo-labelled beat classical at 10 images per class (simulated), and needs no generator."


def test_else_classical_also_where_generated_images_hurt() -> None:
    for gain in (0.0, -0.08):
        (advised,) = judge(simulate(replace(SMALL, gain=gain), 8, 3)).advised
        assert (advised.arm, advised.gain) == ("classical", None)
        assert advised.why == "No arm was clearly better than classical at 10 images per class (simulated)."


def test_of_several_numbers_of_shots_the_largest_counts(helped: Evidence) -> None:
    few = {replace(key, shots=3): one for key, one in helped.cells.items()}
    more = simulate(replace(SMALL, gain=-0.08), 8, 3).cells
    both = replace(
        helped,
        cells={**few, **more},
        controls={(3, "simulated"): "classical", (10, "simulated"): "classical"},
        chosen={(3, "simulated"): "generated", (10, "simulated"): "generated"},
        _kept={},
    )
    (advised,) = judge(both).advised
    assert (advised.shots, advised.arm) == (10, "classical")
