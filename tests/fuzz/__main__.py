"""`python -m tests.fuzz [TARGET …]`: fuzz with atheris, TIME seconds a target (default 60).

Each target runs in a process of its own; the corpus grows in .fuzz/, from the committed seeds. A
finding stays there as crash-…, and its line on standard error shows the trace. Put it among the
seeds as found-…, so that `make test` runs it ever after.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import FOLDER

WORK: Final = Path(__file__).parents[2] / ".fuzz"
GRACE_S: Final = 60


def main(arguments: list[str]) -> int:
    """Run every target, or those that are named; 1 when one of them found something."""
    from tests.fuzz.targets import TARGETS

    seconds = int(os.environ.get("TIME") or 60)
    found = 0
    for target in arguments or TARGETS:
        done = _campaign(target, seconds)
        ended = done.stderr.decode("utf-8", "replace")
        runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", ended)
        shown = f"{int(runs[1]):>12,} executions" if runs else f"ended with {done.returncode}"
        verdict = "nothing found" if done.returncode == 0 else "FOUND SOMETHING"
        sys.stdout.write(f"{target:<12}{shown}   {verdict}\n")
        sys.stdout.flush()
        if done.returncode:
            found = 1
            sys.stderr.write(ended[-4000:])
    return found


def _campaign(target: str, seconds: int) -> subprocess.CompletedProcess[bytes]:
    corpus = WORK / target
    corpus.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=8192",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
        f"-artifact_prefix={corpus}/",
    ]
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", target, *options, corpus, FOLDER / target],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=seconds + GRACE_S,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
