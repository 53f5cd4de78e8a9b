from __future__ import annotations

import os
import signal
import threading

import pytest

from flawforge.training.loop.loop import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_and_a_second_ctrl_c_stops(number: signal.Signals) -> None:
    """A closed terminal sends SIGHUP, twice over ssh, and lost up to a minute of training without a word."""
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), number)
        assert interrupt.asked
        if number != signal.SIGINT:
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_it_keeps_its_hands_off() -> None:
    outcome: list[bool] = []

    def work() -> None:
        with Interrupt() as interrupt:
            outcome.append(interrupt.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcome == [False]
