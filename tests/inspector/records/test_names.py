"""What a coil may be called, and how its name becomes that of a file."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.records.frame import Header
from inspector.records.names import LONGEST, CoilName, file_name, shortened
from tests.coil_names import NASTY, NONE
from tests.frames import header


@pytest.mark.parametrize("name", NASTY)
def test_a_mill_names_its_coils_as_it_likes(name: str) -> None:
    """What people can see and tell apart is a name, from the frame on."""
    sent = msgspec.json.encode(msgspec.structs.replace(header(0), coil=name))
    assert msgspec.json.decode(sent, type=Header).coil == name


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_name(name: str) -> None:
    """Controls, what cannot be seen, what a shell, a file system or a spreadsheet takes for something else."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(name, CoilName)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}", fullmatch=True))
def test_names_of_before_are_names_and_files_as_before(name: str) -> None:
    """What 0.2 took is taken, and its folders in an archive are found."""
    assert msgspec.convert(name, CoilName) == name
    assert file_name(name) == quote(name, safe="")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_files_of_two_names_are_two(one: str, other: str) -> None:
    """However long: plain letters, no longer than a file system takes, and each name has its own."""
    assert (file_name(one) == file_name(other)) == (one == other)
    assert file_name(64 * one).isascii() and "/" not in file_name(one) and len(file_name(64 * one)) <= LONGEST


def test_a_long_name_is_shortened_once() -> None:
    """What fits stays as it is; of two that begin alike each has its own."""
    assert shortened("a" * LONGEST) == "a" * LONGEST
    first, second = (shortened("a" * LONGEST + letter) for letter in "bc")
    assert len(first) == len(second) == LONGEST and first != second
