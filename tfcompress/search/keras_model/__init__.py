"""Tables of a Keras model: what errors in them do, layers fitted to coded ones, the search."""
