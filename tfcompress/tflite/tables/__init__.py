"""The tables of a model inside a file: number types, steps of row classes, rotations, metadata."""
