"""Lossless codec for embedding tables: fewer bytes, any row alone, exact to the bit."""

from tfcompress.codec.certify import Certificate, certify
from tfcompress.codec.packed_table import PackedTable
from tfcompress.codec.packing import pack

__all__ = ["Certificate", "PackedTable", "certify", "pack"]
