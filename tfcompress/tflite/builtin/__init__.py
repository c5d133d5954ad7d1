"""Packed rows that builtin operators decode: their bits, their look-ups, their operators."""
