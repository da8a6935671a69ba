"""The composition root: the `wardline` command, the all-in-one demo, the embedded broker."""

from importlib.metadata import version

__version__ = version("wardline")
