"""A split that is followed already: who divides its frames otherwise has a network measured on what it was taught.

Knows the names of what stands next to it, and no network.
"""

from __future__ import annotations

from pathlib import Path

from trainer.errors import UserError

OF_A_RUN = ("last.pt", "best.pt")
COMPARISON = "compare.json"
"""Next to the split that a comparison's encoders follow, each in a folder of its own."""


def refuse_followed(path: Path) -> None:
    """Refuse to write a split where one is followed by the run in its folder, or by a comparison's.

    Raises: UserError.
    """
    followers = [path.with_name(name) for name in OF_A_RUN]
    if path.is_file() and path.with_name(COMPARISON).is_file():  # a comparison that lost its own makes it again
        followers += [at for name in OF_A_RUN for at in sorted(path.parent.glob(f"*/{name}"))]
    for follower in followers:
        if follower.exists():
            raise UserError(
                f"{path}: is followed by the run of {follower}, which would be measured on frames that taught it; "
                "expected a folder without a run. Give another --out."
            )
