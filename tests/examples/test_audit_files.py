"""The examples' audit files read cleanly and say what the models and data hold."""

from __future__ import annotations

from pathlib import Path

import joblib
import pandas as pd
import pytest

from glassalpha_action import config
from tests.examples.conftest import EXAMPLES

AUDIT_FILES = sorted(EXAMPLES.glob("*/*.audit.yaml"))


def test_the_four_models() -> None:
    ids = [config.load(path).document.model.id for path in AUDIT_FILES]
    assert ids == ["credit_german_biased", "credit_german_boosted", "credit_german_logistic", "credit_synthetic"]


@pytest.mark.parametrize("path", AUDIT_FILES, ids=lambda path: path.parent.name + "/" + path.name)
def test_declarations_match_the_files(path: Path, built: dict[str, Path]) -> None:
    audit = config.load(path)
    folder, document = built[path.parent.name], audit.document
    columns = pd.read_csv(folder / Path(document.data.path).name, nrows=5).columns
    assert {document.data.target_column, *document.data.protected_attributes} <= set(columns)
    assert set(document.data.protected_attributes) == {"sex", "age_group"}
    if document.model.path:
        model = joblib.load(folder / Path(document.model.path).name)
        assert list(document.data.feature_columns or ()) == list(model.feature_names_in_)
    else:
        assert document.data.score_column in columns


@pytest.mark.parametrize("path", AUDIT_FILES, ids=lambda path: path.parent.name + "/" + path.name)
def test_common_settings_reach_every_audit(path: Path) -> None:
    audit = config.load(path)
    document = audit.document
    assert (document.model.use_case, document.model.threshold) == ("credit_scoring", 0.5)
    assert (document.model.positive_label, document.model.favorable_label) == ("1", "0")
    assert (document.reproducibility.random_seed, document.reproducibility.strict) == (42, True)
    assert document.model.owner
    assert document.model.limitations
    expected = EXAMPLES.parent / "policies" / "org_credit_baseline_v1.yaml"
    assert audit.resolve("policy", "path").resolve() == expected
    assert audit.resolve("data", "path").resolve().parent == path.parent / "build"
