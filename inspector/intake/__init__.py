"""Where frames come in: taken off the socket, checked, counted and batched."""
