"""OpenVINO's maps: what is copied of them, and that it is what the graph says."""

from pathlib import Path

import numpy as np

from inspector import recipe
from inspector.engines.openvino import OpenVino
from tests.recipes import write_recipe


def test_maps_stay_what_they_were_and_are_zero_where_all_is_sound(tmp_path: Path) -> None:
    """A batch with a suspicious frame is one's own copy; of one without nothing is copied, and its maps are 0."""
    card, model = recipe.load(write_recipe(tmp_path / "recipe"))
    engine = OpenVino(card, model)
    sound = np.full((4, card.height, card.width), 128, np.uint8)
    mixed = sound.copy()
    mixed[1], mixed[3, 0, :5] = 255, 0
    found = []
    for frames in (sound, mixed):
        engine.submit(frames)
        found.append(engine.result())
    for _ in range(2 * engine.in_flight):
        engine.submit(np.full_like(sound, 255))
        engine.result()
    nothing, maps = found
    assert nothing.labels.shape == nothing.confidence.shape == sound.shape
    assert not nothing.labels.any() and not nothing.confidence.any()
    assert not nothing.labels.strides[0], "it takes no memory"
    assert [int(np.count_nonzero(plane)) for plane in maps.labels] == [0, sound[0].size, 0, 5]
    assert [int(np.count_nonzero(plane)) for plane in maps.confidence] == [0, sound[0].size, 0, 5]
