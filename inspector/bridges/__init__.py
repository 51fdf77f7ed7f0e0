"""Events to the plant: processes of their own that pass a line's events on to a broker, and lose none.

    command.py    `inspector bridge NAME`: the options that all bridges share, and the table of bridges
    forward.py    what all bridges do: follow the events, send them, keep the cursor
    cursor.py     the cursor on disk: the last event that the broker acknowledged
    mqtt.py       one broker each

Knows: the client, and what an event looks like. Must not know: the daemon, its rooms, its configuration.
"""
