"""Keeps out of the way what libraries say about themselves."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def silent_libraries() -> Iterator[None]:
    """Hides what TensorFlow prints while it starts, whatever its log level."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
