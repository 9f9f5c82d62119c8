"""Starts the processes of a cluster on this machine, and ends them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Ended(NamedTuple):
    """How a process ended, and how many seconds after the start of all."""

    code: int
    seconds: float
    output: str


def free_ports(count: int) -> list[int]:
    """Returns ports of the loopback interface that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def run(
    commands: Sequence[Sequence[object]],
    environments: Sequence[Mapping[str, str]],
    folder: Path,
    timeout: float,
) -> list[Ended]:
    """Runs one script of this folder per process until all have ended.

    Raises:
        TimeoutError: If one is still running after `timeout` seconds.
    """
    start = time.monotonic()
    outputs = [folder / f"output-{i}.txt" for i in range(len(commands))]
    processes = [
        _start(command, environment, output)
        for command, environment, output in zip(commands, environments, outputs)
    ]
    ends: dict[int, float] = {}
    try:
        while len(ends) < len(processes):
            time.sleep(0.1)
            elapsed = time.monotonic() - start
            for index, process in enumerate(processes):
                if process.poll() is not None:
                    ends.setdefault(index, elapsed)
            if elapsed > timeout and len(ends) < len(processes):
                texts = "\n---\n".join(o.read_text()[-3000:] for o in outputs)
                raise TimeoutError(f"Ended after {timeout} s: {ends}\n{texts}")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [
        Ended(process.returncode, ends[index], outputs[index].read_text())
        for index, process in enumerate(processes)
    ]


def _start(
    command: Sequence[object], environment: Mapping[str, str], output: Path
) -> subprocess.Popen[bytes]:
    script, *arguments = command
    paths = [HERE.parent.parent, HERE.parent, *sys.path]
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, HERE / str(script), *map(str, arguments)],
            env={
                **os.environ,
                # The collectives under test are those of the CPU.
                "CUDA_VISIBLE_DEVICES": "-1",
                "PYTHONPATH": os.pathsep.join(map(str, paths)),
                **environment,
            },
            stdout=file,
            stderr=subprocess.STDOUT,
        )
