"""Numbers in words."""

import pytest

from keras_gradclip.advice.number_words import counted, percent


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.098, "9.8 %"),
        (0.94, "94 %"),
        (0.9987, "99.9 %"),
        (1.0, "100 %"),
        (0.00001, "less than 0.1 %"),
        (0.99999, "more than 99.9 %"),
    ],
)
def test_a_share_reads_as_people_write_it(share, words):
    assert percent(share) == words


def test_a_number_has_its_noun():
    assert counted(1, "spike") == "1 spike"
    assert counted(1204, "spike") == "1,204 spikes"
