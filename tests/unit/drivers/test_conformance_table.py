"""docs/tokens.md says what `make conformance` measured, of the stacks and quirks that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from custode_drivers.testing.conformance import report, table
from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.report import NO_MEANS, OfStack, Outcome, Told
from custode_drivers.testing.conformance.stack import Mean, Quirk, Stack, Story
from custode_drivers.testing.conformance.stacks import STACKS
from custode_drivers.testing.conformance.stacks.softhsm import SoftHsm, SoftHsmBench
from custode_drivers.testing.conformance.worker import Refused, Worker

ROOT = Path(__file__).parents[3]
SUITE = Path(report.__file__).with_name("suite")
MEASURED = report.load()


def test_the_page_is_what_the_measured_results_give() -> None:
    page = (ROOT / "docs/tokens.md").read_text()
    assert table.replaced(page, table.render(STACKS, MEASURED)) == page


def test_every_stack_was_measured_in_every_story() -> None:
    assert list(MEASURED) == [stack.name for stack in STACKS]
    for of in MEASURED.values():
        assert list(of.stories) == [str(story) for story in Story]
        assert Outcome.FAILED not in {told.outcome for told in of.stories.values()}


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_what_was_measured_is_what_the_stack_declares(stack: Stack) -> None:
    stories = MEASURED[stack.name].stories.values()
    met = {quirk for told in stories for quirk in told.quirks}
    assert met == {quirk.name for quirk in stack.quirks}
    lacking = {f"{NO_MEANS}({mean}): {why}" for mean, why in stack.lacks.items()}
    skipped = {r for told in stories for r in told.reasons if r.startswith(NO_MEANS)}
    assert skipped <= lacking


def test_every_quirk_is_known_to_a_test_and_has_a_source() -> None:
    code = "".join(path.read_text() for path in SUITE.glob("test_*.py"))
    for stack in STACKS:
        for quirk in stack.quirks:
            assert f'unless("{quirk.name}"' in code
            assert quirk.why
            assert quirk.source


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (Told(passed=2), Outcome.PASSED),
        (Told(passed=2, reasons=["not offered: x"]), Outcome.PASSED),
        (Told(passed=2, failed=1), Outcome.FAILED),
        (Told(reasons=["not offered: x", "no means (lock): y"]), Outcome.NOT_OFFERED),
        (Told(reasons=["no means (lock): y"]), Outcome.NO_MEANS),
    ],
)
def test_what_tests_told_makes_an_outcome(told: Told, outcome: Outcome) -> None:
    assert told.outcome is outcome


def test_a_page_keeps_what_stands_around_the_table() -> None:
    of = OfStack("libx 1.0", {story: Told(passed=1) for story in Story})
    block = table.render(STACKS[:1], {STACKS[0].name: of})
    page = table.replaced(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", block)
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "old" not in page
    assert "| module | `libx 1.0` |" in page
    with pytest.raises(ValueError, match="there is no"):
        table.replaced("a page without marks", block)


class Quirky(SoftHsm):
    """A stack with one quirk more."""

    quirks = (Quirk("odd", "because", "somewhere"),)


@pytest.fixture
def noted() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def desk(noted: list[tuple[str, str]], tmp_path: Path) -> Desk:
    stack = Quirky()
    bench = SoftHsmBench(tmp_path)
    worker = Worker(bench, tmp_path / "log")
    return Desk(stack, bench, worker, tmp_path, lambda *told: noted.append(told))


def test_a_quirk_is_expected_where_it_is_declared(desk: Desk, noted: list[tuple[str, str]]) -> None:
    with desk.unless("odd"):
        assert noted
    assert noted == [("quirk", "odd")]
    with pytest.raises(AssertionError), desk.unless("another"):
        raise AssertionError


def test_a_quirk_that_is_no_longer_true_fails(desk: Desk) -> None:
    with pytest.raises(pytest.fail.Exception, match="no longer true: because"), desk.unless("odd"):
        pass
    with desk.unless("odd", always=False):
        pass


def test_only_the_tokens_own_answer_or_declared_means_skip_a_test(desk: Desk) -> None:
    said_no = Refused("not_supported", {"capability": "magic"})
    with pytest.raises(pytest.skip.Exception, match="not offered: magic"), desk.offered():
        raise said_no
    with pytest.raises(Refused), desk.offered():
        raise Refused("unknown", {"ckr": "CKR_GENERAL_ERROR"})
    desk.needs(Mean.REMOVAL, Mean.CHANGE)
    with pytest.raises(pytest.skip.Exception, match="never locks"):
        desk.needs(Mean.LOCK)
