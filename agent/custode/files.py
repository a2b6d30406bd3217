"""Files that commands and windows read and write for the person; the agent never does itself."""

from __future__ import annotations

import base64
import contextlib
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PEM_BYTES: Final = 64 * 1024  # a request or certificate has a few KiB
UPLOADED: Final = 0o644  # a request: nothing secret in it
PRIVATE: Final = 0o600
_PEM: Final = b"-----BEGIN "
_DER_SEQUENCE: Final = b"\x30\x82"  # X.690: how every certificate of more than 255 bytes begins
_NO_PEM: Final = mark("it is not a PEM text file")


def absolute(path: str) -> str:
    """The agent has another working folder than the person."""
    return str(Path(path).expanduser().absolute())


def read_pem(path: str) -> str:
    """Read a PEM file (RFC 7468).

    :raises CustodeError: FILE_MISSING, FILE_UNREADABLE
    """
    return _as_pem(path, _read(path))


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_PEM_BYTES + 1)
    except FileNotFoundError as error:
        raise CustodeError(ErrorCode.FILE_MISSING, path=path) from error
    except OSError as error:
        raise CustodeError(ErrorCode.FILE_UNREADABLE, path=path, why=error.strerror) from error
    if len(content) > MAX_PEM_BYTES:
        raise CustodeError(ErrorCode.FILE_UNREADABLE, path=path, why=t(_NO_PEM))
    return content


def _as_pem(path: str, content: bytes) -> str:
    if _PEM not in content or not content.isascii():
        raise CustodeError(ErrorCode.FILE_UNREADABLE, path=path, why=t(_NO_PEM))
    return content.decode("ascii")


def read_certificate(path: str) -> str:
    """Read a certificate's file, PEM or DER (RFC 5280), as PEM; whether it is one is not judged.

    :raises CustodeError: FILE_MISSING, FILE_UNREADABLE
    """
    content = _read(path)
    if not content.startswith(_DER_SEQUENCE):
        return _as_pem(path, content)
    body = "\n".join(textwrap.wrap(base64.b64encode(content).decode("ascii"), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


class NewFile:
    """A file that did not exist before; removed again unless something was written into it."""

    def __init__(self, path: Path, descriptor: int, mode: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._mode = mode
        self.written = False

    def write(self, content: bytes) -> None:
        """Write everything and bring it to the disk, the folder's entry as well.

        :raises CustodeError: FILE_UNWRITABLE
        """
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self._descriptor, view) :]
            with contextlib.suppress(PermissionError):  # FAT has no modes
                os.fchmod(self._descriptor, self._mode)
            os.fsync(self._descriptor)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.written = True


@contextlib.contextmanager
def new_file(path: str, extension: str, mode: int = UPLOADED) -> Iterator[NewFile]:
    """Take the place of `path` now, before anything else happens, and never over another file.

    Until something is written it is the person's alone; then `mode` counts.
    :raises CustodeError: USAGE for another extension, FILE_EXISTS, FILE_UNWRITABLE
    """
    wanted = Path(path).expanduser().absolute()
    if wanted.suffix.lower() != extension:
        what = t("The file's name has to end in {extension}.", extension=extension)
        raise CustodeError(ErrorCode.USAGE, what=what)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(wanted, flags, 0o600)
    except FileExistsError as error:
        raise CustodeError(ErrorCode.FILE_EXISTS, path=str(wanted)) from error
    except OSError as error:
        raise _unwritable(wanted, error) from error
    file = NewFile(wanted, descriptor, mode)
    try:
        yield file
    finally:
        os.close(descriptor)
        if not file.written:
            wanted.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> CustodeError:
    return CustodeError(ErrorCode.FILE_UNWRITABLE, path=str(path), why=error.strerror)
