"""Surgery on the lookups of any file: packed tables in, packed tables out."""
