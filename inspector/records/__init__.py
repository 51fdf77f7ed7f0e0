"""The nouns of the line: every type that crosses a seam. Read this folder first.

A frame flows like this; each arrow is one record below:

    camera --(Header + pixels)--> intake --Batch--> infer --Inferred--> analyse --Findings--> strip
           --Findings--> repeats --Findings--> alarms --Findings--> journal --Event--> publish

Knows: shapes, units and meaning of what is passed on. Must not know: sockets, engines, files, clocks.

Everything here is frozen. `x` runs across the strip, `y` along the travel; millimetres along the coil are
counted from its head, millimetres across from pixel column 0 of the camera (plus the camera's offset).

    frame.py      what cameras send                      changing it breaks cameras
    recipe.py     what a recipe's card and graph say     changing it breaks trainer and converter
    coil.py       the parts of a coil's record           changing it breaks subscribers
    coil_file.py  a coil's file                          changing it breaks who reads one
    events.py     what subscribers receive, kind by kind changing it breaks them
    envelope.py   how it travels, and is asked for again changing it breaks them
    commands.py   what people ask for, and the answer    changing it breaks the programs that ask
    extent.py     where something lies, how large it is  changing it breaks subscribers: a defect has one
    crop.py       the sidecar of an archive's picture    changing it breaks who reads an archive
    stages.py     what passes between stages             changing it breaks nobody outside
    names.py      what a name may look like
"""

from inspector.records.events import Health
from inspector.records.frame import Header

__all__ = ["Header", "Health"]  # where programs written against 0.1 find them
