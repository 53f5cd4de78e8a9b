"""Every sentence of a verdict, compared whole: a function of numbers gives these words and no others."""

from __future__ import annotations

import pytest

from flawforge.metrics.inference.equivalent_images import Equivalent
from flawforge.runs.estimates import Estimate, gain_points, points
from flawforge.studies.trial.analysis import sentences as s

WHERE = s.at(5, "small-cnn")
SMALL = Estimate(value=0.005, low=-0.009, high=0.018)
LARGE = Estimate(value=0.031, low=0.014, high=0.048)
LOSS = Estimate(value=-0.042, low=-0.0604, high=-0.0236, level=0.982)


def test_a_share_is_written_in_points_and_a_true_change_never_as_nothing() -> None:
    assert [points(v) for v in (0.031, -0.031, 0.0, 0.0004)] == ["3.1", "-3.1", "0.0", "0.04"]
    assert [points(v, sign=True) for v in (0.031, -0.031, 0.0, -0.00001)] == ["+3.1", "-3.1", "+0.0", "+0.00"]


def test_a_gain_stands_with_its_interval_and_its_level() -> None:
    assert gain_points(SMALL) == "+0.5 points (95% CI -0.9 to 1.8)"
    wide = Estimate(value=0.375, low=-9.3, high=10.1)
    assert gain_points(wide) == "+37.5 points (95% CI -100.0 to 100.0)"
    assert gain_points(LOSS) == "-4.2 points (98.2% CI -6.0 to -2.4)"
    assert gain_points(Estimate(value=0.1, low=None, high=None)) == "not measured"


def test_a_setting_is_so_many_images_of_each_class_of_the_rare_ones_or_all_that_there_are() -> None:
    assert s.at(5, "m") == "at 5 images per class (m)"
    assert s.at(5, "m", ("dent",)) == "at 5 images of dent (m)"
    assert s.at(5, "m", ("dent", "hole")) == "at 5 images each of dent and hole (m)"
    assert s.at(0, "m") == "with all images (m)"


def test_the_three_verdicts() -> None:
    metric = "balanced accuracy"
    assert s.trial_verdict("no evidence", WHERE, metric, SMALL) == (
        "No evidence of a benefit at 5 images per class (small-cnn): balanced accuracy +0.5 points (95% CI -0.9 to "
        "1.8)."
    )
    assert s.trial_verdict("helps", WHERE, metric, LARGE) == (
        "Generated images helped at 5 images per class (small-cnn): balanced accuracy +3.1 points (95% CI 1.4 to 4.8)."
    )
    assert s.trial_verdict("hurts", WHERE, "AUROC", LOSS) == (
        "Generated images hurt at 5 images per class (small-cnn): AUROC -4.2 points (98.2% CI -6.0 to -2.4)."
    )


def test_the_power_is_a_gain_that_there_can_be() -> None:
    assert s.power(0.016, 0.1, "classical") == "The trial had 90% power to detect a gain of 1.6 points."
    beyond = "The trial did not have 90% power to detect even the largest possible gain, 10.0 points over classical."
    assert s.power(0.16, 0.1, "classical") == s.power(None, 0.1, "classical") == beyond


def test_what_was_not_favoured_or_is_too_early() -> None:
    assert s.not_favoured() == "Cross-validation on the training images did not favour generated images."
    assert s.not_favoured(WHERE) == (
        "Cross-validation on the training images did not favour generated images at 5 images per class (small-cnn)."
    )
    assert s.if_used([("filtered", WHERE, SMALL), ("generated", s.at(10, "m"), LARGE)]) == (
        "If used anyway: +0.5 points (95% CI -0.9 to 1.8) at 5 images per class (small-cnn) with arm filtered; "
        "+3.1 points (95% CI 1.4 to 4.8) at 10 images per class (m) with arm generated."
    )
    assert s.too_early(3) == "Too early for a verdict: it takes 3 complete repeats."
    assert s.too_early(3, WHERE) == (
        "Too early for a verdict at 5 images per class (small-cnn): it takes 3 complete repeats."
    )


@pytest.mark.parametrize(
    ("word", "gain", "rivals", "reason"),
    [
        ("helps", (0.01, 0.05), {}, "a gain over classical, the best without new images"),
        (
            "helps",
            (0.01, 0.05),
            {"real": 0.02, "placebo": 0.01},
            "a gain over classical, the best without new images, and over real, placebo",
        ),
        ("hurts", (-0.05, -0.01), {}, "a loss against classical, the best without new images"),
        (
            "no evidence",
            (0.01, 0.05),
            {"real": -0.01, "placebo": 0.01},
            "a gain over classical, but no certain gain over real",
        ),
        (
            "no evidence",
            (0.01, 0.05),
            {"real": 0.01},
            "significant alone, but not after correction for several comparisons or for an early interim analysis",
        ),
        ("no evidence", (-0.01, 0.05), {}, "the confidence interval of the difference to classical contains 0"),
    ],
)
def test_a_reason_says_what_the_word_rests_on(
    word: s.Word, gain: tuple[float, float], rivals: dict[str, float], reason: str
) -> None:
    assert s.reason(word, "classical", gain, rivals) == reason


def test_equivalent_real_images() -> None:
    start = "With 10 real images per class (small-cnn), filtered"

    def said(*values: float | str | None) -> str:
        return s.equivalence(10, "small-cnn", "filtered", "classical", Equivalent(*values), (5, 20))

    assert said(4.6, 1.2, 8.4, "") == (
        f"{start} did as well as classical would with about 5 more real images per class (95% CI 1 to 8)."
    )
    assert said(-2.0, None, None, "") == (
        f"{start} did as well as classical would with about 2 fewer real images per class "
        f"(95% CI less than -5 to more than 10)."
    )
    assert said(None, 3.0, None, "more") == (
        f"{start} beat classical with 20, the largest number tested. The generated images are worth more than 10 real "
        f"images per class; the learning curve does not show how many more."
    )
    assert said(None, None, 3.0, "less") == (
        f"{start} did worse than classical with 5 real images per class, the smallest number tested."
    )


def test_equivalent_real_images_of_a_rare_class() -> None:
    found = Equivalent(images=3.2, low=1.0, high=6.0, beyond="")
    assert s.equivalence(5, "m", "generated", "classical", found, (3, 10), ("dent",)) == (
        "With 5 real images of dent (m), generated did as well as classical would with about 3 more real images of "
        "dent (95% CI 1 to 6)."
    )


def test_what_is_best_without_new_images() -> None:
    assert s.best_is_not_generated("random-light", LARGE, WHERE) == (
        "Best at 5 images per class (small-cnn): nothing generated, random-light. It beat classical by 3.1 points (95% "
        "CI 1.4 to 4.8)."
    )
    assert s.without_new_images("classical", None, WHERE, True) == (
        "The best without new images at 5 images per class (small-cnn) is classical."
    )
    assert s.without_new_images("classical", None, WHERE, False) == (
        "The best without new images at 5 images per class (small-cnn) is classical, fixed in advance."
    )
    assert s.without_new_images("random-light", SMALL, WHERE, True) == (
        "The best without new images at 5 images per class (small-cnn) is random-light: +0.5 points (95% CI -0.9 to "
        "1.8) over classical."
    )
    assert s.over_classical([("real", LOSS), ("random-light", SMALL)], WHERE) == (
        "Over classical at 5 images per class (small-cnn): real -4.2 points (98.2% CI -6.0 to -2.4); random-light "
        "+0.5 points (95% CI -0.9 to 1.8)."
    )


def test_advice() -> None:
    assert s.needs_no_generator("copy-paste", LARGE, WHERE) == (
        "Try this first, it needs no generator: copy-paste beat classical by 3.1 points (95% CI 1.4 to 4.8) at 5 "
        "images per class (small-cnn)."
    )
    assert s.use_none(WHERE) == "Do not use generated images at 5 images per class (small-cnn)."
    assert s.lowers_class("scratches", WHERE, "type") == (
        "Do not add generated images for class scratches: they lower its recall at 5 images per class (small-cnn)."
    )
    assert s.lowers_class("crack", WHERE, "good") == (
        "Do not add generated images for class crack: they lower its AUROC against good images at 5 images per class "
        "(small-cnn)."
    )
    assert s.loss_so_far(WHERE) == (
        "Do not use generated images at 5 images per class (small-cnn) until more is known: the measured difference is "
        "a loss."
    )
    assert s.too_small(WHERE, 0.01) == (
        "Do not use generated images at 5 images per class (small-cnn): any gain there is below 1.0 points."
    )
    assert s.no_better_than("copy-paste", SMALL, WHERE) == (
        "Prefer copy-paste at 5 images per class (small-cnn), it needs no generator: over copy-paste, generated images "
        "changed the result by +0.5 points (95% CI -0.9 to 1.8)."
    )
    assert s.more_repeats(19, 0.031, WHERE, ended=False) == (
        "About 19 repeats would have 90% power to detect a gain of 3.1 points at 5 images per class (small-cnn)."
    )
    assert s.more_repeats(19, 0.031, WHERE, ended=True) == (
        "About 19 repeats would have 90% power to detect a gain of 3.1 points at 5 images per class (small-cnn). Run "
        "them as a new trial (another --out and --seed): the false-positive allowance (alpha) of this one is used up."
    )
    assert s.more_specimens(100, 0.014, WHERE) == (
        "Add test specimens to learn more at 5 images per class (small-cnn): on the present test set even 100 repeats "
        "would not have 90% power to detect a gain below 1.4 points."
    )
    assert s.more_specimens(100, None, WHERE).endswith(" would not have 90% power to detect any gain.")
    assert s.photograph(["crack", "dent"], 8) == (
        "Photograph more specimens of crack, dent: the test set has fewer than 8 of each."
    )
    assert s.hint("generated", "classical", LARGE, WHERE) == (
        "generated beat classical at 5 images per class (small-cnn) by 3.1 points (95% CI 1.4 to 4.8), but was not "
        "selected for the verdict beforehand. Treat this as a hint, not as evidence."
    )


def test_notes_on_a_plan_that_was_changed() -> None:
    assert s.extended(10) == (
        "This trial was extended after its planned end at 10 repeats: the trial's false-positive allowance (alpha) is "
        "used up; more repeats narrow the intervals but cannot change the verdict. A verdict that was given stays "
        "while the new repeats agree with it."
    )
    assert s.nothing_left(10) == (
        "This trial had its verdict at 10 repeats: the trial's false-positive allowance (alpha) is used up; more "
        "repeats narrow the intervals but cannot change the verdict. For a new verdict, start a new trial (another "
        "--out and --seed)."
    )
    assert s.shortened(20, 6) == (
        "The plan was cut from 20 to 6 repeats after results had been shown. The significance level is still that of a "
        "plan of 20: a trial that is stopped when it looks good would be wrong more often."
    )
    assert s.changed(10, 20, 6) == (
        "The plan was changed from 10 to 20 repeats after an interim analysis at 6. Later analyses used only the part "
        "of the false-positive allowance (alpha) that was left."
    )


def test_the_best_of_models_and_arms_stands_with_its_interval_and_the_gain_over_the_others() -> None:
    reached = Estimate(value=0.946, low=0.931, high=0.958)
    probe = s.at(5, "effnet-probe")
    assert s.best_model(probe, "classical", "balanced accuracy", reached, [("small-cnn", "filtered", LARGE)]) == (
        "Best at 5 images per class (effnet-probe): arm classical, balanced accuracy 94.6% (95% CI 93.1 to 95.8), "
        "+3.1 points (95% CI 1.4 to 4.8) over small-cnn (filtered)."
    )


def test_where_good_images_are_enough_it_says_that_no_defect_is_needed() -> None:
    assert s.collect_good(SMALL, WHERE) == (
        "Collect good images, no defect is needed: one-class, which sees good images alone, was at least as good as "
        "classical at 5 images per class (small-cnn): +0.5 points (95% CI -0.9 to 1.8)."
    )


def test_composed_images_are_called_so_and_measured_against_the_best_arm_without_new_ones() -> None:
    gain = Estimate(value=0.02, low=0.005, high=0.035)
    where = "at 5 images of dent (m)"
    assert s.trial_verdict("helps", where, "accuracy", gain, "compose").startswith("Composed images helped")
    assert s.trial_verdict("hurts", where, "accuracy", gain, "filtered").startswith("Generated images hurt")
    assert s.use_none(where, "recommended") == f"Do not use composed images {where}."
    assert s.remains("compose", where, "random-light", gain) == (
        f"Of compose {where}, +2.0 points (95% CI 0.5 to 3.5) remain over random-light, the best arm without new "
        f"images in this test."
    )
    assert s.compose_instead(where, "filtered", gain) == (
        f"Compose instead of training a generator {where}: flawforge train DATA --recipe compose --out RUN takes "
        f"seconds, and filtered changed the result by +2.0 points (95% CI 0.5 to 3.5) over compose."
    )
