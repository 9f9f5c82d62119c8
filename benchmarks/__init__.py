"""Benchmarks: one package per question, each run with `python -m`."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
