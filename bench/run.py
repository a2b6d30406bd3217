"""`make bench`: all figures, a table for people, results.json for the record."""

from __future__ import annotations

from pathlib import Path

from bench import agent, cards, on_token, tray
from bench.figures import keep, show


def main() -> None:
    """Measure, show, keep."""
    figures = [*on_token.measure(), *agent.measure(), *cards.measure(), *tray.measure()]
    print(show(figures))  # noqa: T201 - a program for people
    keep(figures, Path(__file__).parent / "results.json")


if __name__ == "__main__":
    main()
