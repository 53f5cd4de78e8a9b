"""Draw the curves of quality for time: one panel a question, minutes along, kernel distance up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OURS, THEIRS, REAL = "#1f6f8b", "#c0562f", "#777777"


def draw(result: dict[str, Any], picture: Path) -> None:
    """Write a PNG with a column for each experiment: the kernel distance above, coverage below."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    experiments = [found for found in result["experiments"] if found["fewshot"]]
    longest = max(found["full_minutes"] for found in experiments)
    figure, axes = plt.subplots(2, len(experiments), figsize=(4.2 * len(experiments), 7), squeeze=False)
    for column, found in enumerate(experiments):
        for row, name in enumerate(("kid", "coverage")):
            axis = axes[row][column]
            for curve, colour in (("dcgan-sn", THEIRS), ("fewshot", OURS)):
                points = found[curve]
                if points:
                    minutes = [point["minutes"] for point in points]
                    axis.plot(minutes, [point["mean"][name] for point in points], "o-", ms=3, color=colour, label=curve)
            axis.axhline(found["real"][name], color=REAL, ls="--", lw=1, label="real images of other pieces")
            axis.axvline(found["full_minutes"], color=THEIRS, ls=":", lw=1, label="dcgan-sn would end here")
            axis.set_xscale("log")
            axis.set_xlim(0.4, 1.3 * longest)
            axis.set_xticks([0.5, 1, 2, 5, 10, 30, 100, 300], labels=["0.5", "1", "2", "5", "10", "30", "100", "300"])
            axis.minorticks_off()
            axis.set_xlabel("minutes of training")
            if name == "kid":
                axis.set_yscale("symlog", linthresh=10)
                axis.set_ylim(0, 1e4)
                axis.set_title(found["title"], fontsize=10)
            else:
                axis.set_ylim(0, 1)
            axis.grid(alpha=0.25)
            if column == 0:
                axis.set_ylabel(f"{name} of held-out images")
                if row == 0:
                    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    plt.close(figure)
