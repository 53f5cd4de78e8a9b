"""What one of several processes does in a run folder; a module that it can import."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

import flawforge
from flawforge.core.errors import FolderBusyError, RunBrokenError, RunExistsError, RunNotFoundError
from flawforge.metrics.copying import copy_score, placement
from flawforge.studies.copies import search

REFUSALS = (FolderBusyError, RunExistsError, RunNotFoundError)  # what one hand may hear of the other
STEP_KIMG = 0.02


def hand(work: str, data: Path, folder: Path, until: float, seed: int, report: Any) -> None:
    """Do one thing again and again, some of it waiting, and report how often it was done or refused."""
    if multiprocessing.parent_process() is not None:  # as the fixture quick_audit
        placement.POSES, copy_score.HYPOTHESES, copy_score.STEPS = (placement.Pose(1.0, 0.0),), 1, (1, 1)
        search.PLANTED = 2
    drawn, done, refused, broken = random.Random(seed), 0, 0, list[str]()
    while done == 0 or time.time() < until:  # what the others kept from being done is done after them
        wait = drawn.random() < 0.5
        try:
            if work == "train":
                kimg = STEP_KIMG * (2 + done)
                flawforge.train(data, folder, kimg=kimg, resume=True, previews=0, wait=wait)
            elif work == "generate":
                flawforge.generate(folder, drawn.choice((4, 8, 12)), overwrite=True, wait=wait)
            else:
                flawforge.audit(folder, pairs=1, wait=True)
            done += 1
        except REFUSALS:
            refused += 1
            time.sleep(0.02)
        except RunBrokenError as error:  # a set that was replaced while it was read, said so
            refused += 1
            if "synthetic set" not in str(error):
                broken.append(f"{work}: {error}")
        except Exception as error:
            broken.append(f"{work}: {type(error).__name__}: {error}")
            break
    report.put((work, done, refused, broken))
