"""A command that a page of the studio has started: ``python -m flawforge.cli.studio.job JOBFOLDER train ...``.

It holds the lock of the job's folder, so that any studio sees it and can stop it, and leaves its exit code there.
"""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

from flawforge.cli.main import main
from flawforge.core.files import write_json
from flawforge.core.locks import FolderLock


def work(folder: Path, words: list[str]) -> int:
    """Run a command line and return its exit code, which is written into the folder."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a studio in the background had it ignored
    sys.argv = ["flawforge", *words]  # what records say that the user typed
    code = 1
    with FolderLock(folder, "job", shlex.join(sys.argv)):
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            write_json(folder / "ended.json", {"code": code})
    return code


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), sys.argv[2:]))
