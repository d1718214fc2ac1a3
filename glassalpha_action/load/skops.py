"""skops files: scikit-learn models of known types only, so that opening one runs none of the file's own code."""

from __future__ import annotations

import io
from typing import Any

from glassalpha_action.load.refusals import ModelError, listed

# Beside what skops itself trusts: parts of scikit-learn's own estimators. They are compiled code over arrays or plain
# holders of values; none calls what the file names. Functions that it could name are limited to these.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)


def load_skops(data: bytes) -> Any:
    """The model; ModelError "untrusted" names every other type in the file, before any of it is made."""
    from skops import io as skops_io

    unknown = sorted(set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED))
    if unknown:
        raise ModelError("untrusted", listed(unknown))
    return skops_io.load(io.BytesIO(data), trusted=list(TRUSTED))
