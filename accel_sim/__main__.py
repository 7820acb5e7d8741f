"""``python -m accel_sim`` is ``accel-sim``."""

from accel_sim.cli import entry

if __name__ == "__main__":
    entry()
