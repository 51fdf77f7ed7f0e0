"""Inline steel inspector: the daemon beside the line, its client, and its simulated mill."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("inline-steel-inspector")
except PackageNotFoundError:  # a source tree on the path, not installed
    __version__ = "0+source"
