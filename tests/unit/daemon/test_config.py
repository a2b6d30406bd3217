"""config.toml: sources, faults with their line, changes while the agent runs, careful writing."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custode.daemon.config import ModuleSettings
from custode.daemon.config_file import LiveConfig, add_module, load, parse, set_value
from custode.error_codes import ErrorCode
from custode.errors import CustodeError

FULL = """\
# mine
[[module]]
path = "/lib/one.so"
env = { A = "b" }
watch = "/tokens"

[[module]]
path = "/lib/two.so"
init_args = "configdir=/x"

[authority]
autostart = false  # for now
idle_s = 20
"""


def test_defaults_without_a_file(tmp_path: Path) -> None:
    config = load(tmp_path / "config.toml")
    assert config.authority.autostart is True
    assert config.modules == ()
    assert {row.source for row in config.settings()} == {"default"}


def test_each_value_knows_its_source() -> None:
    config = parse(FULL, "f.toml")
    assert [m.path for m in config.modules] == ["/lib/one.so", "/lib/two.so"]
    assert config.modules[0].env == {"A": "b"}
    rows = {row.key: (row.value, row.source) for row in config.settings()}
    assert rows["authority.autostart"] == (False, "f.toml")
    assert rows["authority.idle_s"] == (20.0, "f.toml")
    assert rows["jobs.idle_s"] == (5.0, "default")
    assert rows["module.1"][0]["init_args"] == "configdir=/x"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[authority]\nautostrat = true\n", 2, "authority.autostrat"),
        ("[authority]\nautostart = 'yes'\n", 2, "authority.autostart"),
        ("\n[autority]\nautostart = true\n", 2, "autority"),
        ('[[module]]\npath = "/a"\n\n[[module]]\npath = "/b"\nwhatch = "/c"\n', 6, "module.whatch"),
        ("authority.idle_s = 0.3\n", 1, "authority.idle_s: Expected `float` >= 5.0"),
        ("[authority]\nurl = 'http://plain'\n", 2, "authority.url"),
        ("[jobs]\nidle_s = \n", 2, "Invalid value"),
        ("[[module]]\nenv = {}\n", 1, "path"),
        ("nonsense = 1\n", 1, "nonsense"),
        ('[[module]]\npath = "/a"\n[[module]]\npath = "b.so"\n', 4, "b.so"),
        ('[[module]]\npath = "/a"\nwatch = "pscs"\n', 3, "pcsc, none or /…, not 'pscs'"),
        ("[[module]]\npath = '/a'\nwatch = ''\n", 3, "pcsc, none or /…, not ''"),
        ("[modules]\ndiscover = 1\n", 2, "modules.discover"),
        ("[modules]\n\n[[modules.card]]\natr = 'xx'\nmodule = '/a'\n", 3, "no bytes in hex: xx"),
        ("[[modules.card]]\natr = '3b04'\n", 1, "a card wants module, or ignore = true"),
        ("[[modules.card]]\natr = '3b04'\nmodul = '/a'\n", 3, "modules.card.modul"),
        ("[[modules.card]]\natr = '3b04'\nignore = 3\n", 3, "modules.card.ignore"),
        (
            "[[modules.card]]\natr = '3b04'\nignore = true\n[[modules.card]]\nmodule = '/a'\n",
            4,
            "missing required field `atr`",
        ),
    ],
)
def test_a_fault_names_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(CustodeError) as caught:
        parse(text, "f.toml")
    error = caught.value
    assert (error.code, error.exit) == (ErrorCode.CONFIG_INVALID, 2)
    assert error.data["line"] == line
    assert what in error.data["what"]
    assert f"f.toml, line {line}" in str(error)


def test_a_change_counts_at_the_next_use(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    live = LiveConfig(path)
    assert live.current().authority.autostart is True
    set_value(path, "authority.autostart", False)
    assert live.current().authority.autostart is False
    assert live.current() is live.current()
    changed = [live.modules_changed]
    add_module(path, ModuleSettings(path="/lib/new.so"))
    changed.append(live.modules_changed)
    assert changed == [False, True]
    path.write_text("[authority]\nautostart = maybe\n")
    with pytest.raises(CustodeError):
        live.current()
    with pytest.raises(CustodeError):  # it stays an error until the file is mended
        live.current()
    path.unlink()
    assert live.current().authority.autostart is True


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[authority]\n",
        "[authority]\nidle_s = 30\n",
        "[authority]\nautostart = true # keep\n",
        "authority.autostart = true\n",
        FULL,
    ],
)
def test_writing_changes_one_value_and_keeps_the_rest(tmp_path: Path, before: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(before)
    set_value(path, "authority.autostart", False)
    set_value(path, "authority.autostart", True)
    expected = tomllib.loads(before)
    expected.setdefault("authority", {})["autostart"] = True
    assert tomllib.loads(path.read_text()) == expected
    assert path.read_text().startswith("# mine") is before.startswith("# mine")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_would_not_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FULL)
    with pytest.raises(CustodeError):
        set_value(path, "authority.nonsense", 1)
    assert path.read_text() == FULL
    assert list(tmp_path.iterdir()) == [path]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.text(st.characters(exclude_categories=["Cs"])),
        max_size=3,
    ),
)
def test_any_module_survives_the_writer(
    tmp_path_factory: pytest.TempPathFactory, path: str, env: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("config") / "config.toml"
    settings = [
        ModuleSettings(path=f"/{path}", env=env, watch=watch)
        for watch in ("pcsc", "none", f"/{path}")
    ]
    for module in settings:
        add_module(file, module)
    assert load(file).modules == tuple(settings)


def test_what_watches_a_module() -> None:
    watches = ("", "watch = 'pcsc'", "watch = 'none'", "watch = '/tokens'")
    text = "".join(f"[[module]]\npath = '/a'\n{watch}\n" for watch in watches)
    config = parse(text, "f.toml")
    assert [module.watch for module in config.modules] == ["pcsc", "pcsc", "none", "/tokens"]
    assert [module.watched_folder for module in config.modules] == [None, None, None, "/tokens"]
    shown = [row.value["watch"] for row in config.settings() if row.key.startswith("module.")]
    assert shown == ["pcsc", "pcsc", "none", "/tokens"]


def test_modules_are_looked_for_unless_the_file_says_otherwise() -> None:
    settings = parse("", "f.toml").discovery
    assert (settings.discover, settings.card) == (True, ())
    text = (
        "[modules]\ndiscover = false\n[[modules.card]]\natr = '3B:04'\nignore = true\n"
        "[[modules.card]]\natr = '3B 05'\nmodule = 'opensc'\ninit_args = 'x'\n"
    )
    config = parse(text, "f.toml")
    assert not config.discovery.discover
    first, second = config.discovery.card
    assert (first.ignore, second.module, second.init_args) == (True, "opensc", "x")
    rows = {row.key: row for row in config.settings()}
    assert (rows["modules.discover"].value, rows["modules.discover"].source) == (False, "f.toml")
    assert rows["modules.p11_kit"].source == "default"
    assert [card["atr"] for card in rows["modules.card"].value] == ["3B:04", "3B 05"]


def test_whether_modules_are_looked_for_is_settled_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    live = LiveConfig(path)
    path.write_text("[[modules.card]]\natr = '3b04'\nignore = true\n")
    assert not live.modules_changed  # that counts with the next card
    path.write_text("[modules]\ndiscover = false\n")
    assert live.modules_changed
