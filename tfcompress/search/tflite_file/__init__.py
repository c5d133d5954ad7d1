"""Tables of a .tflite, whoever made it: measured by running the file."""
