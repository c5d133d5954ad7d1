"""What people use today, as .tflite files that stand beside ours in every table.

A peer is a way to make a small .tflite of a trained model without this package's tables. Together
with the trainings in `EMBEDDINGS` (a full table, a truncated vocabulary, a narrower table with a
projection) they are the methods that ours have to beat.
"""

from tfcompress.peers.convert import EMBEDDINGS, PEERS, convert_peer

__all__ = ["EMBEDDINGS", "PEERS", "convert_peer"]
