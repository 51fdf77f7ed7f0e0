"""Pictures: a canvas, its palette, the coil's map."""
