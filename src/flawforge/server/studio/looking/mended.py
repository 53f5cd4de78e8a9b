"""Where a studio keeps the classes that were mended on its pages: a labels file, never in the folder of the images."""

from __future__ import annotations

import hashlib
import threading

from flawforge.core.safe_names import safe_name
from flawforge.data.reading.labels_file import read_labels_file, write_labels_file
from flawforge.server.guards import Refused
from flawforge.server.studio.small_files import stamp
from flawforge.server.studio.workspace import HERE, LABELS, Workspace

_ONE = threading.Lock()  # page at a time writes


class Mended:
    """The labels file of one folder of images.

    Attributes:
        data: the folder of images.
        file: the labels file, which need not be there yet. name: its path below the studio's folder.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Find both.

        Raises:
            Refused: 404, there is no such folder of images.
        """
        self.data = workspace.data[name] if name in workspace.data else workspace.path(name)
        if not self.data.is_dir():
            raise Refused(404, "There is no folder of this name in the folder of this studio.")
        kind = hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:8]
        words = self.data.name if name == HERE else name.strip("/").replace("/", "-")
        self.name = f"{LABELS}/{safe_name(words)}-{kind}.csv"
        self.file = workspace.path(LABELS, self.name.rpartition("/")[2])

    @property
    def known(self) -> tuple[str | None, str]:
        """The file, None where there is none, and what differs when it has changed."""
        return (str(self.file) if self.file.is_file() else None), stamp(self.file)

    def mend(self, file: str, label: str) -> int:
        """Write the class of an image into the file, which is made where it is missing; an empty one takes its row
        out. Return how many rows there are.

        Raises:
            SettingError: a table cannot hold the name or the class. DataUnusableError: the file is damaged.
        """
        with _ONE:
            return self._mend(file, label)

    def _mend(self, file: str, label: str) -> int:
        rows = {} if not self.file.is_file() else dict(read_labels_file(self.file).classes)
        rows.pop(file, None)
        if label:
            rows[file] = label
        write_labels_file(self.file, rows)
        return len(rows)
