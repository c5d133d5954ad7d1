"""Tables of a run: measured on its data, searched, trained on while they are rounded."""
