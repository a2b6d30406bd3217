"""The embedded authority's recovery export, as the agent has its program make and take it.

The PIN rides to that program in a pipe, unread here; its answer is one JSON document.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custode.error_codes import ErrorCode
from custode.errors import CustodeError, from_child

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S: Final = 120.0
_RECORD: Final = "recovery-export.json"


class _Record(msgspec.Struct, frozen=True):
    """What an export leaves in the authority's folder."""

    at: datetime


def exported_at(home: Path) -> datetime | None:
    """When the last export was made; None when there is no readable record of one."""
    try:
        return msgspec.json.decode((home / _RECORD).read_bytes(), type=_Record).at
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


async def ask(argv: Sequence[str], fds: Sequence[int], log_file: Path) -> Mapping[str, Any]:
    """Run the authority's program to its end and give its answer.

    :raises CustodeError: its own refusal; TIMED_OUT; JOB_FAILED when it ended without an answer
    """
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            pass_fds=fds,
            start_new_session=True,
        )
    except OSError as exc:
        raise CustodeError(ErrorCode.JOB_FAILED, why=str(exc)) from exc
    finally:
        os.close(log)
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await process.communicate()
    except BaseException as exc:
        process.kill()
        await process.wait()
        if isinstance(exc, TimeoutError):
            raise CustodeError(ErrorCode.TIMED_OUT, seconds=int(DEADLINE_S)) from exc
        raise
    try:
        answer = msgspec.json.decode(said, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        why = f"it ended with {process.returncode}; see {log_file}"
        raise CustodeError(ErrorCode.JOB_FAILED, why=why) from exc
    if "error" in answer:
        raise from_child(str(answer["error"]), answer.get("data") or {})
    return answer


def in_memory(content: bytes) -> int:
    """A descriptor from which `content` can be read, without a file; the caller closes it."""
    descriptor = os.memfd_create("custode", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
