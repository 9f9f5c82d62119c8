"""A signal is noted once, and afterwards everything is as it was before."""

import os
import signal

import pytest

from examples.dqn.runs.interrupt import Interrupt

BOTH = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def heard():
    """Signals that reached the handlers of before, which note instead of dying."""
    numbers = []
    before = {number: signal.getsignal(number) for number in BOTH}
    for number in BOTH:
        signal.signal(number, lambda number, _: numbers.append(number))
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_noted_by_its_name_alone(number, heard):
    with Interrupt() as interrupt:
        assert interrupt.name is None
        os.kill(os.getpid(), number)
        assert interrupt.name == number.name
    assert heard == []


@pytest.mark.parametrize("second", BOTH)
def test_the_second_signal_goes_where_it_went_before(second, heard):
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), second)
    assert heard == [second]
    assert interrupt.name == "SIGINT"


def test_outside_of_it_signals_go_where_they_went_before(heard):
    before = [signal.getsignal(number) for number in BOTH]
    with pytest.raises(ZeroDivisionError), Interrupt() as interrupt:
        1 / 0  # noqa: B018
    assert [signal.getsignal(number) for number in BOTH] == before
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    assert interrupt.name is None


def test_the_next_one_waits_for_a_signal_of_its_own(heard):
    for number in BOTH:
        with Interrupt() as interrupt:
            assert interrupt.name is None
            os.kill(os.getpid(), number)
        assert interrupt.name == number.name
    assert heard == []


def test_another_thread_runs_without_signals():
    import threading

    found = []

    def enter():
        with Interrupt() as interrupt:
            found.append(interrupt.name)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [None]
