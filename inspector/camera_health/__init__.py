"""Is each camera well? What its frames and their times say, apart from what the network sees in them.

    settings.py   the limits, `[camera_health]`
    faults.py     each fault: how it shows in one frame, and how grave it is
    silence.py    of which camera nothing comes, or nothing that is inspected
    watch.py      for how long: raised and returned, per camera

Knows: headers, pixels, times that are passed in. Must not know: sockets, the network, the coil.
"""
