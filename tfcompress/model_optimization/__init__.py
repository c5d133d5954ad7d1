"""tensorflow-model-optimization for Keras 3 models: prune, cluster, train for quantisation.

TFMOT takes models of tf_keras (Keras 2) only. Here the dense layers of a Keras 3 model get a
tf_keras twin, which TFMOT wraps and a few epochs train; the weights it ends with go back. `dense`
is what a user calls, `twin` the one module that imports TFMOT, `tables` clusters the values of
embedding tables.
"""

from tfcompress.model_optimization.dense import optimize_dense
from tfcompress.model_optimization.method import DenseMethod
from tfcompress.model_optimization.tables import cluster_tables, cluster_values

__all__ = ["DenseMethod", "cluster_tables", "cluster_values", "optimize_dense"]
