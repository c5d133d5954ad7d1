"""Rate-distortion tables: the fewest bytes for a stated loss, of a table that is trained already.

A float table becomes coarse integers with one step for each class of rows, behind a rotation
of its columns; `codec` mode "rate" packs them near their entropy. NumPy only.
"""

from tfcompress.rate_distortion.row_weights import row_weights
from tfcompress.rate_distortion.transform_coder import TransformCoder, transform_code
from tfcompress.rate_distortion.transformed_table import TransformedTable

__all__ = ["TransformCoder", "TransformedTable", "row_weights", "transform_code"]
