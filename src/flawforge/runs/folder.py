"""The run folder: all about one training, and nothing anywhere else.

::

    run.json            format number, recipe as resolved, data, seed, environment
    estimated_masks.json  masks that were estimated, by the SHA-256 of their images, where nobody drew any
    history.jsonl       a line a logged step, and a line an event
    previews/           grids from fixed latents, named by kimg; real.png, the same grid of training images
    previews/real/      a few training images at their own size, for the report; classes.json names the class of each
    previews/grounds/   the grounds of a few placed images of the set, by the SHA-256 of their pixels, for the report
    checkpoints/        safetensors + JSON
    synthetic/          class folders of PNG, manifest.jsonl, set.json
    records/            audit.json, ... and the pictures that they show
    report.html
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from flawforge.core.errors import RunExistsError
from flawforge.core.files import explain_os_errors, read_model, write_bytes, write_json
from flawforge.core.images import Pixels
from flawforge.core.settings.recipe import Recipe
from flawforge.runs.folder_errors import not_found, refuse_other
from flawforge.runs.run_settings import RunSettings

COMPOSED = "composed"  # folder in a run's: the run of composed images that `flawforge run` begins with
COMPOSED_SHEET, PLACED_SHEET, STRIPS_SHEET = "composed.png", "placed.png", "strengths.png"  # below a run's previews
STRIPS = 4  # classes that the last of these shows


class Run:
    """A run folder. Making the object touches no disk; `create` and `open` do.

    Attributes:
        path: the folder.
        settings_file: ``run.json``.
        estimated_masks: ``estimated_masks.json``; only runs that need masks which nobody drew have it.
        history_file: ``history.jsonl``.
        previews: folder of the preview grids.
        real_classes_file: file name to class, below `previews`. Runs of older versions have none.
        grounds: folder of the grounds of a few placed images, below `previews`.
        checkpoints: folder of the checkpoints.
        synthetic: folder of the synthetic set that `generate` writes unless told otherwise.
        outputs: folder that records and report are written into: `path`, or another one (`with_outputs`).
        records: folder of the records.
        report_file: ``report.html``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.settings_file = self.path / "run.json"
        self.estimated_masks = self.path / "estimated_masks.json"
        self.history_file = self.path / "history.jsonl"
        self.previews = self.path / "previews"
        self.real_classes_file = self.previews / "real" / "classes.json"
        self.grounds = self.previews / "grounds"
        self.checkpoints = self.path / "checkpoints"
        self.synthetic = self.path / "synthetic"
        self._write_into(self.path)

    def _write_into(self, folder: Path) -> None:
        self.outputs = folder
        self.records = folder / "records"
        self.report_file = folder / "report.html"

    def with_outputs(self, folder: str | Path) -> Run:
        """Return this run with its records and its report in another folder: of a run that may only be read."""
        run = Run(self.path)
        run._write_into(Path(folder))
        return run

    def __repr__(self) -> str:
        """Name the folder."""
        return f"Run({str(self.path)!r})"

    @classmethod
    def create(cls, path: str | Path, settings: RunSettings) -> Run:
        """Make a new run folder with its ``run.json``.

        Args:
            path: the folder; it may exist, but hold nothing of ours.
            settings: the content of run.json.

        Raises:
            RunExistsError: the folder holds a run already, or something else of ours. RunUnwritableError: it cannot
            be written.
        """
        run = cls(path)
        refuse_other(run.path, "run")
        run.refuse_another()
        with explain_os_errors(run.path):
            for folder in (run.path, run.previews, run.checkpoints, run.records):
                folder.mkdir(parents=True, exist_ok=True)
        run.save_settings(settings)
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open a run that is there.

        Raises:
            RunNotFoundError: the folder is no run. RunBrokenError: run.json is damaged, or its format is not ours.
        """
        run = cls(path)
        if not run.settings_file.is_file():
            raise not_found(run.path, "run")
        run.settings  # noqa: B018 - read for its errors
        return run

    def refuse_another(self) -> None:
        """Refuse to begin a run where one is.

        Raises:
            RunExistsError: the folder holds a run already.
        """
        if self.settings_file.exists():
            raise RunExistsError(
                f"{self.path} already holds a run. Add --resume to go on with it, or give another --out."
            )

    @property
    def settings(self) -> RunSettings:
        """The content of run.json, read from the disk.

        Raises:
            RunBrokenError: run.json is damaged, or its format is not ours.
        """
        return read_model(self.settings_file, RunSettings)

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run was trained with.

        Raises:
            SettingError: run.json names a setting or a value that this version does not know.
        """
        return Recipe.parse(self.settings.recipe, where=str(self.settings_file))

    def save_sheet(self, name: str, sheet: Pixels) -> None:
        """Write a picture into the previews: uint8, (H, W) or (H, W, C), with opacity where C is 2 or 4."""
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "PNG")
        write_bytes(self.previews / name, buffer.getvalue(), durable=False)

    def save_settings(self, settings: RunSettings) -> None:
        """Replace run.json."""
        write_json(self.settings_file, settings.dump())
