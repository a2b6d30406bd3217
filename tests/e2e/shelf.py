"""Stacks of the conformance suite in a person's configuration, beside the stage's own tokens."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from custode.demo.stage import Person
from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Bench, Stack
from custode_drivers.testing.conformance.worker import Worker, running_as


@contextmanager
def desk_of(stack: Stack, folder: Path) -> Iterator[Desk]:
    """Bring a stack up, with a worker of our own over it."""
    missing = stack.missing()
    if missing is not None:
        pytest.fail(f"{stack.title} cannot run here: {missing}", pytrace=False)
    place = folder / stack.name
    place.mkdir()
    with stack.bench(place) as bench:
        worker = Worker(bench, folder / f"{stack.name}.log")
        try:
            yield Desk(stack, bench, worker, folder, lambda kind, text: None)
        finally:
            worker.close()


def add_module(person: Person, bench: Bench) -> None:
    """Name a stack's module in the person's configuration; nothing tells of its tokens."""
    env = ", ".join(f"{name} = {json.dumps(value)}" for name, value in bench.environment.items())
    with (person.home / "config.toml").open("a", encoding="utf-8") as file:
        file.write(
            f"\n[[module]]\npath = {json.dumps(str(bench.module))}\n"
            f"env = {{ {env} }}\n"
            f"init_args = {json.dumps(bench.init_args or '')}\n"
            'watch = "none"\n'
        )


def run_as_wanted(person: Person, bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """Have the stage start its programs as the user as whom this stack's module has to run."""
    if bench.uid is None:
        return
    launcher = person.folder / "python"
    words = shlex.join([*running_as(bench.uid), sys.executable])
    launcher.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    launcher.chmod(0o700)
    for path in (person.folder, *person.folder.rglob("*")):
        os.chown(path, bench.uid, -1)
    patch.setattr(sys, "executable", str(launcher))
