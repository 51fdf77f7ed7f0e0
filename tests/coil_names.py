"""Names that a mill may give a coil, each of which means something to a shell, a page, a file, a table or a query."""

NASTY = (
    "B 4711/2",
    "Bänder-3",
    "コイル 7 😀",
    "<script>alert(1)</script>",
    "a\"b'c`d",
    "x'); DROP TABLE event;--",
    "50%2F#?a=1&b",
    "*[!a]?{b}\\c",
    "$(reboot) ~ |",
    "1,2;3",
    "Ü" * 64,
)
NONE = (
    *("", " ", " a", "a ", "-x", ".", "..", "/etc", "=1+1", "+1", "@x", "_x", ":x", "a\nb", "a\tb", "a\n", "a\x00"),
    *("a\x7f", "a\x85b", "a\u00a0b", "a\u200bb", "a\u202eb", "a\u2028b", "\ufeffa", "a\ue000", "A" * 65),
)
"""What is no name."""
