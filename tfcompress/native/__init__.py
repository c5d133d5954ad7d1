"""The C core of the row codec: `tfc_decode.h` and what it includes, an encoder, the binding.

`tfc_decode.h` needs nothing but a C99 compiler; the delegate in `delegate/` includes it as it is.
"""

from pathlib import Path

from tfcompress.native import _native

INCLUDE_DIR = Path(__file__).parent
"""Where the headers are, for `cc -I`."""

# Beside the binding: in an editable install, built files stand apart from the sources.
DELEGATE_LIBRARY = Path(_native.__file__).parent / "libtfcompress_delegate.so"
"""The delegate that serves packed lookups, for `load_delegate`."""
