"""Python's garbage collector, out of the way while the program starts.

It would run a hundred times over modules and classes that are all there to stay: a seventh of the
processor's time until the first screen.
"""

from __future__ import annotations

import gc


def rest() -> None:
    """Collect nothing until `resume`."""
    gc.disable()


def resume() -> None:
    """Collect again, after `rest`, but nothing of what is there by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
