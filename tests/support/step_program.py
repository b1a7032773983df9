"""A program that makes training steps when asked for, so that two of them can take turns."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path


class Program:
    """A program that makes a step of training when asked for, with the software of a checkout."""

    def __init__(self, checkout: Path, command: list[str]):
        environment = {**os.environ, "PYTHONPATH": str(checkout), "ONEDNN_MAX_CPU_ISA": "AVX2", "GLOG_v": "3"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1
        )
        self.first = self.read()
        self.steps: list[list[float]] = []

    def read(self) -> list[float]:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("["):
                return json.loads(line)
        raise AssertionError(f"the program ended with {self.process.wait()}")

    def step(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.steps.append(self.read())

    def close(self) -> None:
        self.process.communicate()
