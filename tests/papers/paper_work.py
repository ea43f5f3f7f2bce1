"""Work that another process can find by its name."""

import os
import time

from spikescan.errors import TrainingError


def square(settings, place):
    place.say(f"squaring {settings['x']}")
    with (place.folder / "calls").open("a") as calls:
        calls.write("x")
    return {"square": settings["x"] ** 2}


def diverge(settings, place):
    if (place.folder.parents[1] / "mended").exists():
        return {"square": -1}
    raise TrainingError("epoch 3: training diverged")


def crash(settings, place):
    os._exit(7)


def mistake(settings, place):
    raise KeyError("no such thing")


def interrupted(settings, place):
    raise KeyboardInterrupt


def slow(settings, place):
    time.sleep(60)
    return {}
