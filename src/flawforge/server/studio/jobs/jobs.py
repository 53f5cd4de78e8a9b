"""Jobs: what was started from a page. Each is a process of its own, in a session of its own, with a folder of its own.

::

    .studio/jobs/20261130-120000-ab12cd/
        job.json        verb, values of the form, arguments
        log             all that it printed
        .job.lock       held by the process as long as it is there
        ended.json      its exit code; missing where it was killed
        stop            it was asked to stop

So a studio that is started later finds out how each stands, and stops it by the process that holds the lock.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from flawforge.core.errors import FlawforgeError
from flawforge.core.files import explain_os_errors, write_json, write_text
from flawforge.core.folder_kinds import kinds_in
from flawforge.core.locks import FolderWriter, writers
from flawforge.runs.versions import now
from flawforge.server.guards import Refused
from flawforge.server.studio.jobs.forms import FORMS, Verb, checked, words
from flawforge.server.studio.small_files import read_object
from flawforge.server.studio.workspace import HERE, Workspace

FOLDER = Path(".studio") / "jobs"
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
MODULE = "flawforge.cli.studio.job"  # that runs a command for a job
MOST_AT_WORK = 4
MOST_KEPT = 100  # beside those at work; of more, the oldest are removed
START_SECONDS = 60.0  # that a process may take until it holds its lock
TAIL = 65_536  # bytes of a log that a page is given
LINE = 300  # letters of a log's last line


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        id: its folder's name.
        verb: the command. values: of its form.
        out: name of the item that it works on.
        started: UTC time.
        state: ``running``, ``done``, ``stopped`` or ``failed``.
        text: the last line that it printed.
        stopping: whether it was asked to stop.
    """

    id: str
    verb: Verb
    values: dict[str, str]
    out: str
    started: str
    state: str
    text: str
    stopping: bool

    def dump(self) -> dict[str, Any]:
        """Return it for a page."""
        return {**vars(self), "title": FORMS[self.verb][0]}


class Jobs:
    """The jobs of a studio's folder."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = workspace.folder / FOLDER
        self._own: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, Job] = {}

    def start(self, verb: Verb, given: Mapping[str, Any]) -> Job:
        """Start a command with the values of its form.

        Raises:
            Refused: 422. A value that is not allowed, or a folder that is not there or is taken; 429: enough are at
                work.
        """
        try:
            values = checked(verb, given)
            return self._start(verb, values, self._arguments(verb, values))
        except FlawforgeError as error:
            raise Refused(422, str(error)) from error

    def again(self, id: str) -> Job:
        """Start what a job did once more: it goes on where that ended, as far as its command does.

        Raises:
            Refused: as `start`; or 404, 409: there is no such job, or it is at work.
        """
        job = self.job(id)
        if job.state == "running":
            raise Refused(409, "This job is at work.")
        try:
            values = checked(job.verb, job.values)
            resume = ["--resume"] if job.verb == "train" else []
            return self._start(job.verb, values, [*self._arguments(job.verb, values, again=True), *resume])
        except FlawforgeError as error:
            raise Refused(422, str(error)) from error

    def stop(self, id: str) -> None:
        """Ask a job to stop, as Ctrl-C does: it saves what it has; asked twice, it stops at once.

        Raises:
            Refused: 404, there is no such job; 409, it is not at work, or at work on another computer.
        """
        self.job(id)
        at_work, own = self._writer(id), self._own.get(id)
        process = (
            at_work.process if at_work is not None else own.pid if own is not None and own.poll() is None else None
        )
        if process is None:
            raise Refused(409, "This job is not at work, or on another computer.")
        with explain_os_errors(self.folder):
            write_text(self.folder / id / "stop", f"{now()}\n")
        os.kill(process, signal.SIGINT)

    def job(self, id: str) -> Job:
        """Return a job.

        Raises:
            Refused: 404, there is none of this name.
        """
        found = self._read(id) if ID.fullmatch(id) and self._is_inside() else None
        if found is None:
            raise Refused(404, "There is no such job in the folder of this studio.")
        return found

    def all(self) -> list[Job]:
        """Return the newest jobs, the newest first."""
        return [job for job in map(self._read, self._ids()[:MOST_KEPT]) if job is not None]

    def _ids(self) -> list[str]:
        """Return the names of the jobs' folders, the newest first."""
        try:
            found = [entry.name for entry in os.scandir(self.folder) if ID.fullmatch(entry.name)]
        except OSError:
            return []
        return sorted(found, reverse=True) if self._is_inside() else []

    def _remove_old(self) -> None:
        """Make room for one more job: remove the oldest that have ended, here and on other computers."""
        for id in self._ids()[MOST_KEPT - 1 :]:
            job = self._read(id)
            if job is not None and job.state != "running" and not writers(self.folder / id):
                shutil.rmtree(self.folder / id, ignore_errors=True)
                self._ended.pop(id, None)
                self._own.pop(id, None)

    def log(self, id: str) -> str:
        """Return the end of what a job printed."""
        try:
            with (self.folder / id / "log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                return file.read(TAIL).decode("utf-8", "replace")
        except OSError:
            return ""

    def _start(self, verb: Verb, values: dict[str, str], arguments: list[str]) -> Job:
        if sum(job.state == "running" for job in self.all()) >= MOST_AT_WORK:
            raise Refused(429, f"{MOST_AT_WORK} jobs are at work. Wait for one to end, or stop one.")
        id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        folder = self.folder / id
        if not self._is_inside():
            raise Refused(422, f"{FOLDER} leads out of the folder of this studio.")
        self._remove_old()
        with explain_os_errors(folder):
            folder.mkdir(parents=True)
            write_json(folder / "job.json", {"verb": verb, "values": values, "arguments": arguments, "started": now()})
            with (folder / "log").open("wb") as log:
                self._own[id] = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE, str(folder), *arguments],
                    cwd=self.workspace.folder,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        return self.job(id)

    def _arguments(self, verb: Verb, values: dict[str, str], again: bool = False) -> list[str]:
        """Return the arguments, after all names of folders were looked at."""
        for name in ("data", "run", "out", "labels"):
            if name in values and values[name] not in self.workspace.data:
                self._check_name(verb, name, values[name], again)
        return words(verb, values, self.workspace.data)

    def _check_name(self, verb: Verb, field: str, name: str, again: bool) -> None:
        if field == "data" and name == "elpv":
            return
        path = self.workspace.path(name)
        if name.startswith("-") or name == HERE:
            raise Refused(422, f"'{name}' cannot be taken; name a folder below the folder of this studio.")
        if field == "data" and not path.is_dir():
            raise Refused(422, f"There is no folder {name} in the folder of this studio.")
        if field == "labels" and not path.is_file():
            raise Refused(422, f"There is no file {name} in the folder of this studio.")
        if field == "run" and "run" not in kinds_in(path):
            raise Refused(422, f"{name} is no run.")
        if field == "out" and verb in ("train", "export") and not again and kinds_in(path):
            raise Refused(422, f"{name} is taken: a {kinds_in(path)[0]} is there. Give another folder.")

    def _is_inside(self) -> bool:
        """Say whether the jobs' folder is where it should be: a link could lead it out."""
        return self.folder.resolve() == self.folder

    def _read(self, id: str) -> Job | None:
        if id in self._ended:
            return self._ended[id]
        folder = self.folder / id
        facts = read_object(folder / "job.json")
        verb, values = facts.get("verb"), facts.get("values")
        if verb not in get_args(Verb) or not isinstance(values, dict) or folder.is_symlink():
            return None
        values = {str(key): str(value) for key, value in values.items()}
        state = self._state(id)
        text = _last_line(self.log(id)) or ("starting" if state == "running" else "")
        out = values.get("run") or values.get("out", "")
        stopping = (folder / "stop").exists()
        job = Job(id, cast("Verb", verb), values, out, str(facts.get("started", "")), state, text, stopping)
        if state != "running":
            self._ended[id] = job
        return job

    def _state(self, id: str) -> str:
        folder = self.folder / id
        own = self._own.get(id)
        if self._writer(id) is not None or (own is not None and own.poll() is None):
            return "running"
        if own is None and self._starts(folder):
            return "running"
        code = read_object(folder / "ended.json").get("code")
        if code == 0:
            return "done"
        return "stopped" if (folder / "stop").exists() else "failed"

    def _starts(self, folder: Path) -> bool:
        """Say whether a job that another studio started has not yet come so far as to take its lock."""
        if any((folder / name).exists() for name in (".job.holder.json", "ended.json")):
            return False
        try:
            return time.time() - (folder / "job.json").stat().st_mtime < START_SECONDS
        except OSError:
            return False

    def _writer(self, id: str) -> FolderWriter | None:
        own = os.uname().nodename
        return next((one for one in writers(self.folder / id) if one.part == "job" and one.host == own), None)


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1][:LINE] if lines else ""


def _environment() -> dict[str, str]:
    """Return the environment of a job: paths of Python as they are here, for its working folder is another one."""
    paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})}
