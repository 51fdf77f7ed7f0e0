"""Inline steel inspector: the line's daemon, its client, and its simulated mill."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        """Look the version up when it is asked for: that takes longer than all else before signals are held."""
        if name != "__version__":
            raise AttributeError(name)
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("inline-steel-inspector")
        except PackageNotFoundError:  # a source tree on the path, not installed
            return "0+source"
