"""The middle of a window: a bar beside it only while its contents do not fit."""

from tests.desktop.windows.played import PlayedDesk, settle

from custode.desktop.windows.pieces import Body, column, text

LONG = "a line that just fits into the width of the window when no bar is beside it "


def test_a_bar_comes_and_goes_with_the_contents(desk: PlayedDesk) -> None:
    lines = [text(LONG) for _ in range(6)]
    content = column(*lines)
    body = Body(content)
    body.resize(480, 60)
    body.show()
    settle()
    bar = body.verticalScrollBar()
    assert bar.isVisible()
    width = next(w for w in range(300, 900) if lines[0].heightForWidth(w) <= 24)
    body.resize(width, body.heightForWidth(width))
    settle()
    assert not bar.isVisible()
    more = text("one more")
    layout = content.layout()
    assert layout is not None
    layout.addWidget(more)
    more.show()
    settle()
    assert bar.isVisible()
    more.hide()
    settle()
    assert not bar.isVisible()
    body.deleteLater()
    settle()
