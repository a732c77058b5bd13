"""The hall: what front doors may ask for, and what carries it out."""

from core.engine.engine import Engine

__all__ = ["Engine"]
