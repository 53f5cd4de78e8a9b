"""Jobs as pages show them: all, those of one item, and one with its log."""

from __future__ import annotations

from flawforge.core.folder_kinds import kinds_in
from flawforge.server.studio.jobs.jobs import Jobs
from flawforge.server.studio.watcher import News


class ShownJobs:
    """The jobs that work on an item, or all, watched."""

    def __init__(self, jobs: Jobs, out: str | None = None) -> None:
        self.jobs, self.out = jobs, out
        self._told: News = {}

    def now(self) -> News:
        """Return the jobs."""
        jobs = [job.dump() for job in self.jobs.all() if self.out in (None, job.out)]
        self._told = {"jobs": jobs}
        return self._told

    def news(self) -> News:
        """Return the jobs where one has changed."""
        before = self._told
        return {} if self.now() == before else self._told


class ShownJob:
    """One job with its log, watched."""

    def __init__(self, jobs: Jobs, id: str) -> None:
        self.jobs, self.id = jobs, id
        self._told: News = {}

    def now(self) -> News:
        """Return the job, whether what it works on is there to be looked at, and the end of its log."""
        job = self.jobs.job(self.id)
        there = bool(kinds_in(self.jobs.workspace.path(job.out)))
        self._told = {"job": {**job.dump(), "there": there}, "log": self.jobs.log(self.id)}
        return self._told

    def news(self) -> News:
        """Return what has changed."""
        before = self._told
        return {key: value for key, value in self.now().items() if before.get(key) != value}
