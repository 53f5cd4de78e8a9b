"""A run folder drawn by the tests: everything that a report can show, from no training at all."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from flawforge.core.images import encode_png, grid
from flawforge.core.settings.recipes import recipe
from flawforge.reports.charts import drawing
from flawforge.runs.folder import Run
from flawforge.runs.history import History
from flawforge.runs.judged.audits import AuditRecord, Distances, Neighbour, Pair
from flawforge.runs.judged.scores import (
    BeyondCopies,
    ClassScore,
    Confusion,
    Finding,
    Infinite,
    Levels,
    MeanSpectra,
    MeasuredQuantity,
    Number,
    RatedImage,
    ScoreRecord,
)
from flawforge.runs.records import save_record
from flawforge.runs.run_settings import RunSettings


def surface(seed: int, height: int = 40, width: int = 48) -> np.ndarray:
    """A gray surface with one bright scratch."""
    rng = np.random.default_rng(seed)
    image = rng.normal(110, 12, (height, width))
    image[:, int(rng.integers(4, width - 4))] += 90
    return np.clip(image, 0, 255).astype(np.uint8)


def quantiles(values: Sequence[float]) -> dict[str, float]:
    names = {"min": 0, "5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "max": 1}
    return {name: float(np.quantile(values, q)) for name, q in names.items()}


class DrawnRun:
    """Writes a run folder part by part, each in the form that the contracts in `runs` state."""

    def __init__(
        self, folder: Path, classes: dict[str, int] | None = None, resolution: int = 32, whole: Path | None = None
    ) -> None:
        self.whole = whole
        self.classes = classes or {"scratch": 30}
        self.resolution = resolution
        self.run = Run.create(folder, RunSettings.model_validate(self.settings()))

    def settings(self) -> dict:
        return {
            "recipe": recipe("dcgan-lite", resolution=self.resolution, generator_depth=8).dump(),
            "data": {
                "source": "data/steel",
                "layout": "classes",
                "fingerprint": "ab" * 32,
                "classes": self.classes,
                "samples": sum(self.classes.values()),
                "channels": 1,
                "white": 255,
                "jpeg": 4,
                "formats": [{"mode": "L", "width": 48, "height": 40, "count": sum(self.classes.values())}],
            },
            "selection": {"classes": None, "shots": None},
            "seed": 7,
            "command": "flawforge train data/steel --out run",
            "started": "2026-01-02T03:04:05Z",
            "environment": {"flawforge": "0.1.0", "python": "3.11.2", "torch": "2.6.0", "device": "cpu", "threads": 2},
            "parameters": {"generator": 1234567, "discriminator": 89},
            "steps": 400,
        }

    def history(self, steps: int = 60) -> None:
        history = History(self.run.history_file)
        for i in range(1, steps + 1):
            done = i / steps
            history.append(
                {
                    "step": i * 10,
                    "kimg": i * 0.12,
                    "seconds": i * 2.5,
                    "loss_d": 1.2 - 0.4 * done + 0.2 * math.sin(i),
                    "loss_g": 0.8 + done + 0.3 * math.cos(2 * i),
                    "d_real": 0.5 + 0.25 * done,
                    "d_fake": 0.5 - 0.2 * done,
                    "images_per_second": 48 + i % 5,
                }
            )
            if i == steps // 2:
                history.append(
                    {
                        "event": "warning",
                        "kind": "winner",
                        "text": "The discriminator has won.",
                        "step": i * 10,
                        "kimg": i * 0.12,
                        "seconds": i * 2.5,
                    }
                )

    def previews(self, moments: int = 10, reals: Sequence[np.ndarray] | None = None) -> None:
        side = self.resolution
        for moment in range(moments):
            cells = [surface(100 + i, side, side) // (1 + moments - moment) for i in range(16)]
            sheet = encode_png(grid(cells, 8), "L")
            (self.run.previews / f"kimg_{moment * 0.8:010.3f}.png").write_bytes(sheet)
        reals = [surface(i) for i in range(40)] if reals is None else reals
        cells = [surface(i, side, side) for i in range(16)]
        (self.run.previews / "real.png").write_bytes(encode_png(grid(cells, 8), "L"))
        (self.run.previews / "real").mkdir()
        for i, image in enumerate(reals):
            mode = "I;16" if image.dtype == np.uint16 else "RGB" if image.ndim == 3 else "L"
            (self.run.previews / "real" / f"{i:03d}.png").write_bytes(encode_png(image, mode))

    def synthetic(self, n: int = 50, draw: Callable[[int], np.ndarray] = lambda i: surface(1000 + i)) -> None:
        lines, labels = [], sorted(self.classes)
        for i in range(n):
            label, image = labels[i * len(labels) // n], draw(i)
            file = f"{label.replace('/', '_')}/{i:06d}.png"
            path = self.run.synthetic / file
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = "I;16" if image.dtype == np.uint16 else "RGB" if image.ndim == 3 else "L"
            path.write_bytes(encode_png(image, mode))
            lines.append(
                {
                    "file": file,
                    "class": label,
                    "seed": 3,
                    "index": i,
                    "checkpoint": "c",
                    "sha256": "0" * 64,
                    "width": image.shape[1],
                    "height": image.shape[0],
                    "mode": mode,
                }
            )
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.run.synthetic / "manifest.jsonl").write_text(text)
        facts = {
            "format": 1,
            "n": n,
            "seed": 3,
            "checkpoint": "c",
            "classes": self.classes,
            "complete": True,
            "truncation": None,
            "command": f"flawforge generate run -n {n}",
            "made": "2026-01-02T03:05:00Z",
            "seconds": 1.0,
        }
        (self.run.synthetic / "set.json").write_text(json.dumps(facts))

    def audit(
        self,
        n: int = 50,
        k: int = 3,
        *,
        groups: bool = True,
        file: str = "scratch/{}.png",
        draw: Callable[[int], np.ndarray] | None = None,
        generated: list[float] | None = None,
        **changes: object,
    ) -> None:
        draw = draw or (lambda i: surface(i, self.resolution, self.resolution))
        rng = np.random.default_rng(5)
        made = sorted(rng.normal(9, 1.2, n).tolist()) if generated is None else generated
        real = rng.normal(10, 2, 30).tolist()
        pictures = self.run.records / "pictures"
        pictures.mkdir()
        pairs = []
        for i, distance in enumerate(made):
            names: list[str | None] = [None] * (k + 1)
            for j in range(k + 1 if i < 14 else 0):
                names[j] = f"records/pictures/{i}-{j}.png"
                (self.run.path / str(names[j])).write_bytes(encode_png(draw(10 * i + j), "L"))
            turns = ("identity", "flip-horizontal", "turn-180")
            near = [
                Neighbour(
                    file=file.format(j), distance=distance + 0.4 * j, transform=turns[(i + j) % 3], picture=names[j + 1]
                )
                for j in range(k)
            ]
            pairs.append(Pair(file=file.format(f"{i:06d}"), neighbours=near, picture=names[0]))
        values = {
            "made": "2026-01-02T03:06:00Z",
            "versions": {"flawforge": "0.1.0"},
            "command": "flawforge audit run",
            "inputs": {},
            "k": k,
            "channels": "first",
            "resolution": (self.resolution, self.resolution),
            "n_generated": n,
            "n_training": 30,
            "transforms": ["identity", "flip-horizontal", "flip-vertical", "turn-180"],
            "n_groups": 21 if groups else 1,
            "generated_to_real": Distances(nearest=made, quantiles=quantiles(made)),
            "real_to_real": Distances(nearest=real, quantiles=quantiles(real)) if groups else None,
            "exact_copies": 0,
            "nearer_than_real": 2 if groups else None,
            "root_mean_square": 255 / 2 / self.resolution,
            "pairs": pairs,
            "sentence": f"None of the {n} generated images equals a training image.",
        }
        save_record(self.run, "audit", AuditRecord(**{**values, **changes}))

    def score(self, *, empty: bool = False, sentence: str = "", label: str = "scratch") -> None:
        none = Number(value=None, low=None, high=None, n=0, groups=0)

        def number(value: float) -> Number:
            return Number(value=value, low=value - 0.1, high=value + 0.1, n=32, groups=15)

        def quantity(name: str, generated: float, real: float, outside: bool, **changes: object) -> MeasuredQuantity:
            values = {
                "name": name,
                "unit": "",
                "better": "lower",
                "generated": number(generated),
                "outside": outside,
                "real": number(real),
                "classical": number(0.3),
            }
            return MeasuredQuantity(**{**values, **changes})

        folder = self.run.records / "score"
        folder.mkdir(exist_ok=True)
        for i in range(4):
            (folder / f"{i}.png").write_bytes(encode_png(surface(i, self.resolution, self.resolution), "L"))
        images = [
            RatedImage(file=f"{label}/{i}.png", label=label, score=1.2 - i / 4, picture=f"records/score/{i}.png")
            for i in range(4)
        ]
        kid, precision = quantity("kid", 0.51, 0.0, True), quantity("precision", 0.8, 0.85, False)
        precision = precision.model_copy(update={"unit": "share", "better": "higher", "classical": none})
        unmeasured = kid.model_copy(update={"generated": none, "real": none, "classical": none, "outside": None})
        rings = [(i + 0.5) / 32 for i in range(15)]
        levels = [-20.0 - i for i in range(15)]
        values = {
            "made": "2026-01-02T03:07:00Z",
            "versions": {"flawforge": "0.1.0"},
            "command": "flawforge score run",
            "inputs": {"synthetic": "old"},
            "extractor": "effnet-lite0 stage 5",
            "width": 112,
            "against": "held-out",
            "resolution": (self.resolution, self.resolution),
            "n_generated": 64,
            "n_used": 64,
            "n_training": 30,
            "n_reference": 64,
            "groups": 30,
            "halves": 40,
            "half": 32,
            "seed": 0,
            "quantities": [kid, precision, quantity("spectrum", 2.0, 1.0, False, unit="dB")],
            "infinite": Infinite(value=12, error=2, at_full=40, bias=28, n_reference=64, n=64, trusted=False),
            "infinite_real": None,
            "classes": [
                ClassScore(label=label, n_generated=32, n_reference=32, groups=15, kid=kid, coverage=precision, why=""),
                ClassScore(
                    label="stain",
                    n_generated=32,
                    n_reference=32,
                    groups=4,
                    kid=unmeasured,
                    coverage=unmeasured,
                    why="4 real specimens, 12 are needed",
                ),
            ],
            "beyond": [
                BeyondCopies(
                    label=label,
                    n=32,
                    n_reference=32,
                    groups=15,
                    **{
                        name: Number(value=share, low=share - 0.06, high=share + 0.07, n=32, groups=15)
                        for name, share in (("generated", 0.24), ("again", 0.061), ("real", 0.46), ("above", 0.18))
                    },
                    kid=130.0,
                    kid_copies=100.0,
                    kid_ratio=1.3,
                ),
                BeyondCopies(
                    label="stain",
                    n=32,
                    n_reference=4,
                    groups=4,
                    **dict.fromkeys(("generated", "again", "real", "above"), kid.classical),
                    why="held-out images of 4 specimens, 12 are needed",
                ),
            ],
            "beyond_sentence": "These reach 24 of 100 unseen images that changed copies of yours do not.",
            "confusion": Confusion(
                columns=[label, "stain"],
                rows={label: [30, 2], "stain": [5, 27]},
                real_rows={label: [19, 1], "stain": [0, 20]},
            ),
            "spectra": MeanSpectra(
                frequencies=rings,
                real=levels,
                low=[v - 1 for v in levels],
                high=[v + 1 for v in levels],
                generated=[v - 4.2 for v in levels],
                classical=levels,
                fine=-4.2,
            ),
            "levels": Levels(real=[1 / 64] * 64, generated=[1 / 64] * 64, brighter=1.5),
            "best": images[:2],
            "worst": images[:1:-1],
            "exact_copies": 0,
            "why": "",
            "findings": [
                Finding(text="they are too dark", generated="9 levels", real="1 level"),
                Finding(text="their texture is too smooth", generated="4.2 dB", real="1 dB"),
            ],
            "notes": ["Compared with 64 real images of the same classes that training did not see."],
            "sentence": sentence or "The generated images are distinguishable from held-out real ones: too dark.",
        }
        if empty:
            nothing = dict.fromkeys(("infinite", "infinite_real", "confusion", "spectra", "levels"))
            values |= {
                **nothing,
                "quantities": [],
                "findings": [],
                "classes": [],
                "beyond": [],
                "beyond_sentence": "",
                "best": [],
                "worst": [],
                "why": "there are 3 pieces",
                "sentence": "Inconclusive: there are 3 pieces.",
            }
        save_record(self.run, "score", ScoreRecord(**values))

    def everything(self) -> Run:
        """All parts, copied from a run that was drawn once."""
        if self.whole is None:
            self.history()
            self.previews()
            self.synthetic()
            self.audit()
            self.score()
        else:
            shutil.copytree(self.whole, self.run.path, dirs_exist_ok=True)
        return self.run


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a drawn run with everything, to be copied."""
    return DrawnRun(tmp_path_factory.mktemp("drawn") / "run").everything().path


@pytest.fixture
def drawn(tmp_path: Path, whole_run: Path) -> Callable[..., DrawnRun]:
    """Return a maker of drawn runs: ``drawn(name="run", classes={...}, resolution=32)``."""
    return lambda name="run", **options: DrawnRun(tmp_path / name, **options, whole=None if options else whole_run)


draw_once = cache(drawing.draw)


@pytest.fixture(autouse=True)
def _charts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take equal charts from the test before: that the same chart is drawn as the same text, charts/ tests."""
    monkeypatch.setattr("flawforge.reports.markup.draw", draw_once)
