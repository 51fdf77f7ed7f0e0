"""`inspector keys new | list | revoke`: the folder of keys, from the command line.

Knows: the options, and how the folder is shown. Must not know: sockets; a running inspector looks by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from inspector.access import folder
from inspector.access.folder import ROLES, Grant, camera_names
from inspector.errors import AccessError

FOLDER = Path("keys")


class Row(msgspec.Struct, frozen=True):
    """One key, as `list` shows it."""

    name: str
    state: str
    roles: tuple[str, ...]
    cameras: tuple[str, ...]
    made: str
    public: str


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `inspector keys`."""
    steps = command.add_subparsers(required=True, metavar="COMMAND", dest="step")
    words = "make a key, admit it, and write the file that is to be carried to its holder"
    new = steps.add_parser("new", help=words, description=words)
    new.add_argument("name", metavar="NAME", help="who it is for; a camera's own name, or a person's or program's")
    new.add_argument(
        "--role",
        action="append",
        choices=ROLES,
        help="what it is good for: frames in, events out, or commands; may be repeated (default: camera)",
    )
    new.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="CAMERA",
        help="name that its frames may carry, as in the configuration; may be repeated (default: NAME)",
    )
    new.add_argument("--out", type=Path, metavar="FILE", help="where its file goes (default: FOLDER/NAME.key)")
    words = "show the keys, those in force first"
    listing = steps.add_parser("list", help=words, description=words)
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    words = "take a key back; a running inspector notices within a second"
    taking = steps.add_parser("revoke", help=words, description=words)
    taking.add_argument("name", metavar="NAME", help="whose key")
    for step in (new, listing, taking):
        step.add_argument(
            "--folder",
            type=Path,
            default=FOLDER,
            metavar="FOLDER",
            help="keys.path of the configuration (default: %(default)s)",
        )


def run(args: argparse.Namespace) -> int:
    """Run `inspector keys`.

    Raises: AccessError in words for a name that is taken, or not there, and a folder that cannot be used.
    """
    if args.step == "new":
        _new(args)
    elif args.step == "list":
        _list(args.folder, as_json=args.json)
    else:
        kept = folder.revoke(args.folder, args.name)
        print(f"{args.name}: its key is admitted no longer; the record is kept as {kept}")
    return 0


def _new(args: argparse.Namespace) -> None:
    roles = tuple(dict.fromkeys(args.role or ["camera"]))
    if args.camera and "camera" not in roles:
        raise AccessError(f"--camera {args.camera[0]}: expected with --role camera alone. Leave it out.")
    cameras = camera_names(args.name, roles, args.camera)
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    key_file = folder.issue(args.folder, args.name, roles=roles, cameras=cameras, made=made, out=args.out)
    what = f"{' and '.join(roles)}{f' of {chr(44).join(cameras)}' if cameras else ''}"
    print(f"{key_file}: the secret key of {args.name}, {what}. Carry it to its holder, and delete it here.")
    print(f"The inspector admits it by {args.folder / folder.AUTHORISED} (keys.path = the folder {args.folder}).")


def _list(where: Path, *, as_json: bool) -> None:
    try:
        admitted = folder.read(where)
    except OSError as error:
        raise AccessError(f"{where}: cannot be read: {error.strerror}. Give keys.path of the configuration.") from error
    if not where.is_dir():
        raise AccessError(f"{where}: is no folder; expected keys.path of the configuration. Give --folder.")
    rows = list(_rows(admitted))
    if as_json:
        for row in rows:
            print(msgspec.json.encode(row).decode())
    else:
        _print_table(rows)
    for fault in admitted.faults:
        print(fault, file=sys.stderr)


def _rows(admitted: folder.Admitted) -> Iterator[Row]:
    def row(grant: Grant, state: str) -> Row:
        return Row(grant.name, state, grant.roles, grant.cameras, grant.made, grant.public)

    yield from (row(grant, "in force") for grant in sorted(admitted.grants.values(), key=lambda grant: grant.name))
    yield from (row(grant, "revoked") for grant in sorted(admitted.revoked.values(), key=lambda grant: grant.made))


def _print_table(rows: list[Row]) -> None:
    table = [("name", "state", "roles", "cameras", "made (UTC)")]
    table += [(row.name, row.state, ", ".join(row.roles), ", ".join(row.cameras), row.made) for row in rows]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(table[0]))]
    for cells in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
