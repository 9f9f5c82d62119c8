"""`SoftClip`: smooth, always below its bound, and as sharp as asked for."""

import numpy as np
import pytest
from helpers.stepping import MODES, run

from keras_gradclip import SoftClip

NORMS = np.array([1e-3, 0.5, 1.0, 2.0, 7.0, 1e6])


def norms_after(clipper, norms=NORMS, mode="eager"):
    return np.array([np.linalg.norm(row[0]) for row in run(clipper, norms, mode)[5]])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sharpness", [1.0, 2.0, 5.0])
def test_equals_its_formula(sharpness, mode):
    found = norms_after(SoftClip(2.0, sharpness), mode=mode)
    power = np.power(1 + (NORMS / 2.0) ** sharpness, 1 / sharpness)
    np.testing.assert_allclose(found, NORMS / power, rtol=1e-5)


def test_known_answers():
    np.testing.assert_allclose(norms_after(SoftClip(1.0, 1.0), [1.0, 3.0]), [0.5, 0.75])
    found = norms_after(SoftClip(3.0), [4.0, 3.0])
    np.testing.assert_allclose(found, [2.4, 3 / 2**0.5], rtol=1e-6)


def test_a_large_sharpness_is_the_hard_bound():
    found = norms_after(SoftClip(1.5, 1e4))
    np.testing.assert_allclose(found, np.minimum(NORMS, 1.5), rtol=1e-4)


def test_a_larger_norm_comes_out_larger_and_below_the_bound():
    found = norms_after(SoftClip(2.0))
    assert (np.diff(found) > 0).all()
    assert (found <= 2.0).all()


def test_nothing_overflows_whatever_the_ratio():
    for clipper in (SoftClip(1e-20, 4.0), SoftClip(1e20, 4.0)):
        done = run(clipper, [1e-15, 1e15])
        assert np.isfinite(done.scales).all()
        assert (done.scales > 0).all()
