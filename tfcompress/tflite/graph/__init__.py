"""The flatbuffer of a model: read, changed, written."""
