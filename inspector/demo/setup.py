"""Where a demo happens: its folder, its ports, its configuration.

Knows: `demo.toml` and which of its values may be replaced. Must not know: what runs there.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.demo.recipes import FULL, RecipeChoice
from inspector.errors import InspectorError, SocketError
from inspector.harness.ports import HOST, Ports, is_free
from inspector.records.recipe import Recipe
from inspector.service import line
from inspector.simulator.sheet import CLASSES

TEMPLATE = Path(__file__).with_name("demo.toml")


class DemoSetup(msgspec.Struct, frozen=True):
    """A folder with a configuration that is ready to run."""

    folder: Path
    ports: Ports
    config: Path
    recipe: Recipe
    why: str
    """Why this recipe; empty where somebody asked for it."""


def choose_ports(base: int | None, usual: Ports = Ports()) -> Ports:  # noqa: B008  # it is frozen
    """The ports from `base` on; without one the `usual` ones, or others where any of those is taken.

    Raises: InspectorError where there are none.
    """
    if base is not None:
        return Ports.counted_from(base)
    return usual if all(map(is_free, msgspec.structs.astuple(usual))) else Ports.free()


def set_up(folder: Path, ports: Ports, choose: Callable[[], RecipeChoice]) -> DemoSetup:
    """Make the folder and write the configuration into it.

    A port or a folder that cannot be had ends it before a recipe is chosen, which may take seconds.

    Raises: SocketError when a port is taken; ConfigError, RecipeError when the line could not run so.
    """
    for name in Ports.__struct_fields__:
        _free(name, getattr(ports, name))
    folder.mkdir(parents=True, exist_ok=True)
    choice = choose()
    text = TEMPLATE.read_text(encoding="utf-8")
    for name in Ports.__struct_fields__:
        usual = f"{HOST}:{getattr(Ports(), name)}"
        assert text.count(usual) == 1, f"{TEMPLATE.name} must name {usual} once"
        text = text.replace(usual, f"{HOST}:{getattr(ports, name)}")
    own = Path(choice.recipe).resolve()
    wanted = str(own) if own.exists() else choice.recipe
    text = text.replace(msgspec.json.encode(FULL).decode(), msgspec.json.encode(wanted).decode(), 1)
    path = folder / TEMPLATE.name
    path.write_text(text, encoding="utf-8")
    card = recipe.read_card(recipe.find(line.load(path).recipe.path, folder))
    names = tuple(kind.name for kind in card.classes)
    if names != CLASSES:
        raise InspectorError(
            f"recipe {card} knows {', '.join(names)}; expected {', '.join(CLASSES)}, as the demo plants them. "
            "Give a recipe that was trained on procedural steel."
        )
    return DemoSetup(folder, ports, path, card, choice.reason)


def _free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise SocketError(
                f"port {port} ({name}): {error}. Stop the program that holds it (another demo?), "
                f"or choose others: `inspector demo --port-base 6555`."
            ) from None
