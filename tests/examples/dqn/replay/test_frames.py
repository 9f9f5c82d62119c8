"""The ring of images; `test_frame_store.py` has what it is for."""

import numpy as np

from examples.dqn.replay.frames import NONE, Frames

SHAPE, STACK, GAMMA = (3, 2, 1), 4, 0.9


def test_unused_images_are_written_over():
    frames = Frames(32, SHAPE, 2)
    room = frames.capacity
    for number in range(5 * room):
        last = frames.added - 1
        frames.reserve(1, lambda last=last: np.array([last, NONE]))
        image = np.full((1, *SHAPE), number % 256, np.uint8)
        frames.append(image, last if number else NONE)
    assert frames.capacity == room
    newest = frames.stacks(np.array([frames.added - 1]))[0, :, 0, 0, 0]
    assert newest.tolist() == [(5 * room - 2) % 256, (5 * room - 1) % 256]
