import os
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custode_drivers.channel import frames
from custode_drivers.channel.frames import (
    Answer,
    Callback,
    ChannelBroken,
    ChildChannel,
    Failure,
    FrameBuffer,
    RemoteError,
    Request,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.text(), VALUES, max_size=3)
FRAMES = (
    st.builds(Request, st.integers(0, 2**31), st.text(), PARAMS)
    | st.builds(Callback, st.integers(0, 2**31), st.text(), PARAMS)
    | st.builds(Answer, st.integers(0, 2**31), VALUES)
    | st.builds(Answer, st.integers(0, 2**31), error=st.builds(Failure, st.text(), PARAMS))
)


@given(st.lists(FRAMES, max_size=5), st.integers(1, 20))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    sent: list[frames.Frame], cut: int
) -> None:
    data = b"".join(frames.encode(frame) for frame in sent)
    buffer = FrameBuffer()
    came: list[frames.Frame] = []
    for at in range(0, len(data), cut):
        buffer.feed(data[at : at + cut])
        came += [received.frame for received in buffer.frames()]
    assert came == sent


@given(st.binary(min_size=4, max_size=64))
def test_nonsense_is_refused_or_waited_for(data: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(data)
    try:
        came = list(buffer.frames())
    except ChannelBroken:
        return
    assert all(isinstance(received.frame.id, int) for received in came)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",  # too long to be ours
        b"\0\0\0\1\xc0",  # nil
        b"\0\0\0\1\x80",  # an empty map
        frames.encode(Request(1, "m", fds=2)),  # descriptors that never came
        b"\0\0\0\5\x81\xa2id\xa1",  # cut inside
    ],
)
def test_what_is_no_frame_breaks_the_channel(data: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(data)
    with pytest.raises(ChannelBroken):
        list(buffer.frames())


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(ChannelBroken):
        frames.encode(Answer(1, bytes(frames.MAX_FRAME)))
    with pytest.raises(ChannelBroken):
        frames.encode(Answer(1, fds=frames.MAX_FDS + 1))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, ChildChannel]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    channel = ChildChannel.from_fd(theirs.detach())
    yield ours, channel
    channel.close()
    ours.close()


def send(connection: socket.socket, frame: frames.Frame, *fds: int) -> None:
    connection.sendmsg([frames.encode(frame)], frames.rights(fds))


def receive(connection: socket.socket) -> frames.Received:
    buffer = FrameBuffer()
    while True:
        buffer.feed(*frames.receive_some(connection))
        for received in buffer.frames():
            return received


def open_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough


def test_descriptors_belong_to_the_frame_that_names_them(
    ends: tuple[socket.socket, ChildChannel],
) -> None:
    ours, channel = ends
    pipes = [os.pipe() for _ in range(3)]
    send(ours, Request(1, "none"))
    send(ours, Request(2, "two", fds=2), pipes[0][0], pipes[1][0])
    send(ours, Request(3, "one", fds=1), pipes[2][0])
    for index, (reading, writing) in enumerate(pipes):
        os.write(writing, b"%d" % index)
        os.close(reading)
        os.close(writing)
    for names, expected in ((1, []), (2, [b"0", b"1"]), (3, [b"2"])):
        received = channel.receive()
        assert received is not None
        request, fds = received
        assert request.id == names
        assert [os.read(fd, 9) for fd in fds] == expected
        assert not any(os.get_inheritable(fd) for fd in fds)
        frames.close_all(fds)


def test_a_channel_closes_what_nobody_claimed() -> None:
    before = open_fds()
    ours, theirs = socket.socketpair()
    channel = ChildChannel(theirs)
    reading, writing = os.pipe()
    send(ours, Request(1, "a"), reading)  # more than the frame names
    send(ours, Request(2, "b", fds=1), reading)  # and one that is never taken
    assert channel.receive()
    for fd in (reading, writing):
        os.close(fd)
    channel.close()
    ours.close()
    assert open_fds() == before


def test_a_callback_is_answered_while_a_request_is_open(
    ends: tuple[socket.socket, ChildChannel],
) -> None:
    ours, channel = ends
    send(ours, Request(7, "work"))

    def daemon() -> None:
        asked = receive(ours)
        assert isinstance(asked.frame, Callback)
        assert (asked.frame.call, asked.frame.params) == ("sign", {"data": b"x"})
        reading, writing = os.pipe()
        os.close(writing)
        send(ours, Answer(asked.frame.id, {"signature": b"y"}, fds=1), reading)
        os.close(reading)
        refused = receive(ours)
        send(ours, Answer(refused.frame.id, error=Failure("pin_locked", {"a": 1})))

    answering = threading.Thread(target=daemon)
    answering.start()
    assert channel.receive()
    before = open_fds()
    assert channel.call("sign", {"data": b"x"}) == {"signature": b"y"}
    with pytest.raises(RemoteError) as caught:
        channel.call("sign")
    assert (caught.value.code, caught.value.data) == ("pin_locked", {"a": 1})
    answering.join(5)
    assert len(open_fds() - before) == 0
    channel.answer(7, "done")
    assert receive(ours).frame == Answer(7, "done")
    channel.fail(7, "token_gone")
    assert receive(ours).frame == Answer(7, error=Failure("token_gone"))


def test_a_child_notices_that_the_daemon_is_gone(ends: tuple[socket.socket, ChildChannel]) -> None:
    ours, channel = ends
    ours.close()
    assert channel.receive() is None
    with pytest.raises(ChannelBroken):
        channel.call("sign")
    with pytest.raises(ChannelBroken):
        channel.answer(1, None)


@pytest.mark.parametrize("frame", [Request(1, "m"), Answer(99)])
def test_only_the_answer_to_a_call_will_do(
    ends: tuple[socket.socket, ChildChannel], frame: frames.Frame
) -> None:
    ours, channel = ends
    send(ours, frame)
    with pytest.raises(ChannelBroken):
        channel.call("sign")


def test_a_child_takes_requests_only(ends: tuple[socket.socket, ChildChannel]) -> None:
    ours, channel = ends
    send(ours, Answer(1))
    with pytest.raises(ChannelBroken):
        channel.receive()
