"""The published row codes of fixed stride, under their own names, and what each row could do alone.

The method that stride codes are compared with has two forms: two trees over 4-bit halves of the
values, with a few rows given the second tree, and one tree over whole 8-bit values found by
simulated annealing. Both hand out their lengths in order of frequency over the whole table. The
row limits need no common code at all: the worst row is coded with a Huffman code of its own, whose
cost in bytes is left out. All strides are bits of the worst row, and ratios are taken in bits.
"""

from tfcompress.codec.baselines.annealed_tree import annealed_8bit
from tfcompress.codec.baselines.baseline import Baseline
from tfcompress.codec.baselines.own_codes import own_code_costs, row_limits
from tfcompress.codec.baselines.two_trees import two_tree_4bit

__all__ = ["Baseline", "annealed_8bit", "own_code_costs", "row_limits", "two_tree_4bit"]
