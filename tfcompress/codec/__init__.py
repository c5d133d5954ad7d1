"""Lossless codec for embedding tables: fewer bytes, any row alone, exact to the bit."""

from tfcompress.codec.packed_table import PackedTable
from tfcompress.codec.packing import pack
from tfcompress.codec.worst_row.certify import Certificate, certify

__all__ = ["Certificate", "PackedTable", "certify", "pack"]
