"""The same request, sent by two at once: one after the other, and what is over stays over."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from custode.daemon.journal import Journal, Operation, OperationState
from custode.daemon.store import Store
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.procedures import request

DATA = {"csr": "PEM", "file_name": "a.csr", "key_sha256": "k"}
WAIT = {"certificate": None, "retry_after_s": 7}
ISSUED = {"certificate": b"DER", "retry_after_s": None}


class Portal:
    """Gives `answers` in turn; notes how many are asking at the same time."""

    def __init__(self, *answers: dict[str, Any] | ErrorCode) -> None:
        self._answers = list(answers)
        self._asking = 0
        self.most = 0

    async def send(self, *_args: Any) -> dict[str, Any]:
        self._asking += 1
        self.most = max(self.most, self._asking)
        await asyncio.sleep(0.01)
        self._asking -= 1
        answer = self._answers.pop(0)
        if isinstance(answer, ErrorCode):
            raise CustodeError(answer)
        return answer


Ask = Callable[[Operation], Coroutine[Any, Any, Any]]


@pytest.fixture
def journal(store: Store, clock: Any) -> Journal:
    return Journal(store, clock)


def asking(journal: Journal, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Ask:
    async def remember(*_args: Any) -> Any:
        return SimpleNamespace(id_operazione="OP-1")

    monkeypatch.setattr(request, "send", portal.send)
    monkeypatch.setattr(request, "_remember", remember)
    ctx: Any = SimpleNamespace(journal=journal)
    return lambda operation: request._ask_once(ctx, operation, {}, None)


def state_of(journal: Journal, operation: Operation) -> OperationState:
    return journal.read(operation.id).state


def test_two_ask_one_after_the_other(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal(ISSUED, ISSUED)
    ask = asking(journal, portal, monkeypatch)
    first = journal.begin(request.KIND, DATA)
    second = journal.find(first.id)
    assert second is not None

    async def story() -> list[Any]:
        return list(await asyncio.gather(ask(first), ask(second)))

    answers = asyncio.run(story())
    assert [again_s for _, again_s in answers] == [None, None]
    assert portal.most == 1
    assert len(journal.read(first.id).steps) == 1
    assert state_of(journal, first) is OperationState.DONE


def test_what_was_sent_outlives_a_portal_that_cannot_be_reached(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asking(journal, Portal(WAIT, ErrorCode.AUTHORITY_UNAVAILABLE), monkeypatch)
    operation = journal.begin(request.KIND, DATA)
    assert asyncio.run(ask(operation))[1] == 7
    with pytest.raises(CustodeError):
        asyncio.run(ask(operation))
    assert state_of(journal, operation) is OperationState.PENDING


@pytest.mark.parametrize(
    "answers",
    [(ErrorCode.AUTHORITY_UNAVAILABLE,), (WAIT, ErrorCode.AUTHORITY_REFUSED)],
)
def test_what_never_arrived_or_was_refused_is_over(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, answers: tuple[Any, ...]
) -> None:
    ask = asking(journal, Portal(*answers), monkeypatch)
    operation = journal.begin(request.KIND, DATA)

    async def story() -> None:
        for _ in answers:
            await ask(operation)

    with pytest.raises(CustodeError):
        asyncio.run(story())
    assert state_of(journal, operation) is OperationState.FAILED
