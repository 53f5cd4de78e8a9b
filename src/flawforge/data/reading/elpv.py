"""The solar cells of the ``elpv-dataset`` package: electroluminescence images with a probability of being defective.

Deitsch et al. 2019, "Automatic classification of defective photovoltaic module cells in electroluminescence images";
Buerhop-Lutz et al. 2018, "A benchmark for visual identification of defective solar cells". CC BY-NC-SA 4.0.
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

from flawforge.core.errors import DataUnusableError, ExtraMissingError
from flawforge.data.reading.plan import Layout, Plan
from flawforge.data.sample import Entry

ELPV = Layout(
    "elpv",
    "the solar cells of elpv-dataset",
    "the word, no folder; needs `pip install 'flawforge[elpv]'`; `elpv-mono` and `elpv-poly` read the cells of one "
    "kind of crystal",
    "the experts' probability of a defect: `good`, `likely-good`, `likely-defective`, `defective`",
)
WORDS = {"elpv": "", "elpv-mono": "mono", "elpv-poly": "poly"}  # what a user types: all cells, or those of one crystal
LABELS = "labels.csv"
CLASSES = ("good", "likely-good", "likely-defective", "defective")  # for the probabilities 0, 1/3, 2/3 and 1
MEANING = (
    "The classes are the experts' probability of a defect: good 0, likely-good 1/3, likely-defective 2/3, defective 1. "
    "The images are licensed CC BY-NC-SA 4.0: not for commercial use."
)


def elpv_folder() -> Path:
    """Return the folder of the installed data, without importing the package.

    Raises:
        ExtraMissingError: the package is not installed.
    """
    package = find_spec("elpv_dataset")
    for location in (package.submodule_search_locations or []) if package else []:
        if (folder := Path(location) / "data").joinpath(LABELS).is_file():
            return folder
    raise ExtraMissingError("The data set elpv", "elpv")


def elpv_plan(folder: Path, crystal: str = "") -> Plan:
    """Read the list of labels: one line per cell with its file, its defect probability and its kind of crystal.

    Args:
        folder: the data of the package.
        crystal: ``mono`` or ``poly`` reads the monocrystalline or the polycrystalline cells alone; empty reads all.

    Raises:
        DataUnusableError: the list is not what the package ships.
    """
    plan = Plan(ELPV.name, notes=[MEANING])
    with (folder / LABELS).open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.reader(file, delimiter=" ", skipinitialspace=True), start=1):
            words = [word for word in line if word]
            try:
                name, label, kind = words[0], CLASSES[round(float(words[1]) * 3)], words[2]
            except (IndexError, ValueError):
                raise DataUnusableError(
                    f"line {number} of {folder / LABELS} is not 'file probability kind': {' '.join(line)!r}. "
                    f"Reinstall the package: pip install --force-reinstall elpv-dataset"
                ) from None
            if crystal in ("", kind):
                plan.entries.append(Entry(name, label))
    return plan
