"""What is an image, and what is a vector of numbers."""

import numpy as np
import pytest

spaces = pytest.importorskip("gymnasium").spaces

from examples.dqn.envs.images import frame_shape, sees_images  # noqa: E402


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((84, 80), np.uint8, (84, 80, 1)),
        ((84, 80, 1), np.uint8, (84, 80, 1)),
        ((84, 80, 3), np.uint8, (84, 80, 3)),
        ((128,), np.uint8, None),
        ((4, 84, 80, 3), np.uint8, None),
        ((), np.uint8, None),
        ((84, 80), np.float32, None),
        ((84, 80, 3), np.int32, None),
    ],
    ids=str,
)
def test_images_are_bytes_of_two_or_three_axes(shape, dtype, expected):
    assert frame_shape(spaces.Box(0, 255, shape, dtype)) == expected


@pytest.mark.parametrize("shape", [(84, 80), (5, 4, 3)])
def test_a_stack_of_any_image_is_seen_as_images(shape):
    assert sees_images((1, *frame_shape(spaces.Box(0, 255, shape, np.uint8))))


def test_a_vector_is_not():
    assert not sees_images((128,))
