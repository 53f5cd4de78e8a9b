"""Work on many files at once: Pillow decodes and resizes outside Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import perf_counter
from typing import TypeVar

from flawforge.core.progress import Progress

THREADS = 2  # more only help where there are more idle cores, and each holds a decoded image
QUICK = 1e-4  # seconds that an item takes: one that takes less costs more in a thread
AHEAD = 64  # items handed to the threads before their results are asked for, so that memory stays bounded

In = TypeVar("In")
Out = TypeVar("Out")


def in_threads(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """Give the results of `work` in the order of `items`; an error in one ends it.

    Threads begin with the first item that is not quick: what is in memory already is sooner taken than handed over.
    """
    waiting = iter(items)
    for item in waiting:
        start = perf_counter()
        result = work(item)
        quick = perf_counter() - start < QUICK
        yield result
        if not quick:
            break
    with ThreadPoolExecutor(THREADS) as pool:
        queue = [pool.submit(work, item) for item in islice(waiting, AHEAD)]
        try:
            while queue:
                done, queue = queue[: AHEAD // 2], queue[AHEAD // 2 :]
                queue += [pool.submit(work, item) for item in islice(waiting, len(done))]
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def told_in_threads(
    work: Callable[[In], Out], items: Sequence[In], progress: Progress, title: str, unit: str = "images"
) -> Iterator[Out]:
    """As `in_threads`, and tell how far it is."""
    return progress.each(title, in_threads(work, items), unit, len(items))
