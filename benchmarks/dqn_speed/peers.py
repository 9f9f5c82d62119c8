"""Environments of their own for the peers, and the variables of all workers."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# One after another: torch first, so that nothing brings another version of it.
SB3_AND_SBX = (
    ["torch==2.13.0"],
    ["stable-baselines3==2.9.*", "sbx-rl==0.28.*", "gymnasium"],
)


def make_environment(folder: Path, groups: Sequence[Sequence[str]]) -> Path:
    """Makes a virtual environment, if it is not there, and returns its Python.

    Args:
        folder: Where it is.
        groups: Packages to install, one group after another.
    """
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        for packages in groups:
            command = [str(python), "-m", "pip", "install", "--quiet", *packages]
            subprocess.run(command, check=True, env=variables(peers=True))
        done.touch()
    return python


def variables(peers: bool) -> dict[str, str]:
    """The variables of a worker: one thread for each that would take more."""
    found = {**os.environ, **dict.fromkeys(THREADS, "1")}
    found["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if peers:
        # For JAX. What is installed for us must not be found by them.
        found["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        found.pop("PYTHONPATH", None)
    return found
