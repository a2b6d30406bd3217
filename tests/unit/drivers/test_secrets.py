import os
import subprocess
import sys
import time

import pytest

from custode_drivers.api.errors import SecretMissing
from custode_drivers.channel.secrets import MAX_SECRET, secret_from


def pipe_with(content: bytes, *, ended: bool = True) -> tuple[int, int]:
    reading, writing = os.pipe()
    os.write(writing, content)
    if ended:
        os.close(writing)
    return reading, writing


@pytest.mark.parametrize("content", [b"1", b"123456", "però".encode(), b"\0\n", b"x" * MAX_SECRET])
def test_a_secret_is_read_whole_and_wiped(content: bytes) -> None:
    fd, _ = pipe_with(content)
    with secret_from(fd) as secret:
        assert secret == content
        kept = secret
    assert kept == bytes(len(content))
    os.close(fd)


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "empty"), (b"x" * (MAX_SECRET + 1), "too_long")]
)
def test_what_is_no_secret_is_refused(content: bytes, why: str) -> None:
    fd, _ = pipe_with(content)
    with pytest.raises(SecretMissing) as caught, secret_from(fd):
        pytest.fail("it was taken")
    assert caught.value.data == {"why": why}
    os.close(fd)


def test_a_secret_is_wiped_when_its_use_fails() -> None:
    fd, _ = pipe_with(b"123456")
    kept = bytearray()

    def use() -> None:
        nonlocal kept
        with secret_from(fd) as secret:
            kept = secret
            raise RuntimeError

    with pytest.raises(RuntimeError):
        use()
    assert kept == bytes(6)
    os.close(fd)


def test_nobody_waits_for_a_secret_without_an_end() -> None:
    fd, writing = pipe_with(b"1234", ended=False)
    began = time.monotonic()
    with pytest.raises(SecretMissing) as caught, secret_from(fd, timeout_s=0.1):
        pytest.fail("it was taken")
    assert caught.value.data == {"why": "timed_out"}
    assert time.monotonic() - began < 2
    os.close(fd)
    os.close(writing)


def test_a_descriptor_that_cannot_be_read_gives_no_secret() -> None:
    reading, writing = os.pipe()
    with pytest.raises(SecretMissing), secret_from(writing, timeout_s=0.1):
        pytest.fail("it was taken")
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_confined_process_cannot_be_dumped() -> None:
    script = (
        "import ctypes, resource; from custode_drivers.channel.confinement import confine;"
        "confine(); print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=20
    )
    assert told.stdout == "(0, 0) 0\n"
