"""The files that a cell on another machine needs: shots, their masks, unlabelled images; content, not paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import write_bytes
from flawforge.data.dataset import Dataset
from flawforge.studies.trial_bench import Bench, Ints

INSIDE, OUTSIDE = "labelled", "unlabelled"


@dataclass(frozen=True)
class Parcel:
    """Names below a root, with the bytes of the files."""

    files: dict[str, bytes]


def pack(bench: Bench, indices: Ints) -> Parcel:
    """Return the files of these images of the bench, and of all unlabelled ones."""
    files: dict[str, bytes] = {}
    for part, root in ((bench.dataset.take(indices.tolist()), INSIDE), (bench.outside, OUTSIDE)):
        for sample in part.samples if part is not None else ():
            for name in (sample.file, sample.mask):
                if name is not None and part is not None:
                    files[f"{root}/{name}"] = (part.root / name).read_bytes()
    return Parcel(files)


def unpack(parcel: Parcel, bench: Bench, folder: Path) -> Bench:
    """Write the files below a folder and return the bench that finds them there.

    Raises:
        RunBrokenError: a name leads outside the folder.
    """
    for name, content in parcel.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RunBrokenError(f"a parcel names {name}, which lies outside its folder.")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content, durable=False)

    def there(data: Dataset, root: str) -> Dataset:
        return replace(data, root=folder / root)

    outside = None if bench.outside is None else there(bench.outside, OUTSIDE)
    return replace(bench, dataset=there(bench.dataset, INSIDE), outside=outside)
