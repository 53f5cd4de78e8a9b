"""The run folder: all about one training, and nothing anywhere else.

::

    run.json            format number, recipe as resolved, data, seed, environment
    history.jsonl       a line a logged step, and a line an event
    previews/           grids from fixed latents, named by kimg; real.png, the same grid of training images
    previews/real/      a few training images at their own size, for the report; classes.json names the class of each
    checkpoints/        safetensors + JSON
    synthetic/          class folders of PNG, manifest.jsonl, set.json
    records/            audit.json, ... and the pictures that they show
    report.html
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from flawforge.core.errors import RunBrokenError, RunExistsError
from flawforge.core.files import explain_os_errors, read_json, write_json
from flawforge.core.settings.recipes import Recipe
from flawforge.runs.folder_errors import not_found, refuse_other
from flawforge.runs.run_settings import FORMAT, RunSettings


class Run:
    """A run folder. Making the object touches no disk; `create` and `open` do.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        """Name the folder."""
        return f"Run({str(self.path)!r})"

    @property
    def settings_file(self) -> Path:
        """``run.json``."""
        return self.path / "run.json"

    @property
    def history_file(self) -> Path:
        """``history.jsonl``."""
        return self.path / "history.jsonl"

    @property
    def previews(self) -> Path:
        """Folder of the preview grids."""
        return self.path / "previews"

    @property
    def real_classes_file(self) -> Path:
        """Path of ``previews/real/classes.json``: file name to class. Runs of older versions have none."""
        return self.previews / "real" / "classes.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def synthetic(self) -> Path:
        """Folder of the synthetic set that `generate` writes unless told otherwise."""
        return self.path / "synthetic"

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return self.path / "records"

    @property
    def report_file(self) -> Path:
        """``report.html``."""
        return self.path / "report.html"

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
        value = read_json(self.settings_file)
        if not isinstance(value, dict):
            raise RunBrokenError(f"{self.settings_file} is damaged: it holds no JSON object.")
        if value.get("format") != FORMAT:
            raise RunBrokenError(
                f"{self.settings_file} has format {value.get('format')!r}; this version of Flawforge reads format "
                f"{FORMAT}."
            )
        try:
            return RunSettings.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise RunBrokenError(f"{self.settings_file} is damaged: {first['msg']} at {where}.") from None

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run was trained with.

        Raises:
            SettingError: run.json names a setting or a value that this version does not know.
        """
        return Recipe.parse(self.settings.recipe, where=str(self.settings_file))

    def save_settings(self, settings: RunSettings) -> None:
        """Replace run.json."""
        write_json(self.settings_file, settings.dump())
