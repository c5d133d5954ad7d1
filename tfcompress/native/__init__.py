"""The C core of the row codec: `tfc_decode.h` and what it includes, an encoder, the binding.

`tfc_decode.h` needs nothing but a C99 compiler; the on-device delegate includes it as it is.
"""

from pathlib import Path

INCLUDE_DIR = Path(__file__).parent
"""Where the headers are, for `cc -I`."""
