"""Work on many items at once: in their order, and slow work in threads."""

from __future__ import annotations

import threading
import time

from flawforge.data.threads import QUICK, in_threads


def test_results_come_in_order_and_slow_work_is_handed_over() -> None:
    handed = set()

    def work(item: int) -> int:
        if item >= 3:
            time.sleep(20 * QUICK)
        if threading.current_thread() is not threading.main_thread():
            handed.add(item)
        return -item

    assert list(in_threads(work, range(200))) == [-item for item in range(200)]
    assert handed >= set(range(4, 200))
    assert list(in_threads(work, [])) == []
