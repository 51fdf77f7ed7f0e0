"""Where a demo happens: ports and configuration."""

import socket
from pathlib import Path

import pytest

from inspector.demo.recipes import RecipeChoice
from inspector.demo.setup import TEMPLATE, choose_ports, set_up
from inspector.errors import InspectorError, RecipeError, SocketError
from inspector.harness.ports import Ports
from inspector.service import line
from inspector.simulator.sheet import CLASSES

CARD = """name = "r"
version = "1"
created = "2026-11-22"
encoder = "none"
precision = "fp32"
sha256 = "{hash}"
height = 256
width = 1600
trained_on = "nothing"
"""


def card(folder: Path, names: tuple[str, ...]) -> Path:
    """Write a recipe's card without its model."""
    classes = "".join(
        f'[[class]]\nid = {number}\nname = "{name}"\nthreshold = 0.5\nmin_area_mm2 = 100\n'
        for number, name in enumerate(names, start=1)
    )
    folder.mkdir()
    (folder / "recipe.toml").write_text(CARD.format(hash="0" * 64) + classes)
    return folder


def test_template_is_a_good_configuration(tmp_path: Path) -> None:
    """What newcomers copy from is read without a fault, and has the ports that the demo names."""
    (tmp_path / "demo.toml").write_text(TEMPLATE.read_text())
    settings = line.load(tmp_path / "demo.toml")
    assert settings.intake.bind == f"tcp://127.0.0.1:{Ports().frames}"
    assert settings.http.bind == f"127.0.0.1:{Ports().http}"
    assert {name for alarm in settings.alarm for name in alarm.classes} <= set(CLASSES)


def test_ports_and_recipe_are_put_in(tmp_path: Path) -> None:
    """A demo while an inspector runs takes other ports, and any recipe folder."""
    ports = Ports.free()
    recipe = card(tmp_path / "mine", CLASSES)
    setup = set_up(tmp_path / "demo", ports, lambda: RecipeChoice(str(recipe), ""))
    settings = line.load(setup.config)
    assert settings.intake.bind == f"tcp://127.0.0.1:{ports.frames}"
    assert settings.events.bind == f"tcp://127.0.0.1:{ports.events}"
    assert settings.events.replay_bind == f"tcp://127.0.0.1:{ports.replay}"
    assert settings.http.bind == f"127.0.0.1:{ports.http}"
    assert settings.commands.bind == f"tcp://127.0.0.1:{ports.commands}"
    assert Path(settings.recipe.path) == recipe
    assert Path(settings.journal.path) == tmp_path / "demo" / "journal"


def test_the_usual_ports_give_way_where_one_is_taken() -> None:
    """A demo while an inspector runs needs no option; ports that are asked for are taken as they are."""
    usual = Ports.free()
    assert choose_ports(None, usual) == usual
    with socket.create_server(("127.0.0.1", usual.http)):  # takes a port where connections of before linger
        assert choose_ports(None, usual) != usual
        assert choose_ports(usual.frames, usual) == usual


def test_taken_port_is_named(tmp_path: Path) -> None:
    """Two demos at once: the second says which port is taken and what to do, before it chooses a recipe."""
    ports = Ports.free()
    taken = rf"port {ports.replay} \(replay\).*--port-base"
    with socket.create_server(("127.0.0.1", ports.replay)), pytest.raises(SocketError, match=taken):
        set_up(tmp_path / "demo", ports, pytest.fail)


def test_recipe_of_other_classes_is_refused(tmp_path: Path) -> None:
    """A recipe that does not know what the demo plants cannot be scored by it."""
    recipe = card(tmp_path / "mine", ("dark", "bright"))
    with pytest.raises(InspectorError, match="knows dark, bright; expected pitted, crack"):
        set_up(tmp_path / "demo", Ports.free(), lambda: RecipeChoice(str(recipe), ""))


def test_recipe_that_is_none_is_refused(tmp_path: Path) -> None:
    """A wrong folder is noticed before anything is started."""
    with pytest.raises(RecipeError, match=r"no recipe\.toml"):
        set_up(tmp_path / "demo", Ports.free(), lambda: RecipeChoice(str(tmp_path / "none"), ""))
