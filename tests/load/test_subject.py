from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glassalpha_action.config import load as load_config
from glassalpha_action.documents import UserError
from glassalpha_action.load.provenance import Commit, file_sha256
from glassalpha_action.load.subject import Subject, load
from glassalpha_action.settings import Trust
from tests.workspace import CONFIG, make, table

CLEAN = Commit("a" * 40, ())


def subject(
    folder: Path,
    config: str = CONFIG,
    rows: str | bytes | None = None,
    *,
    strict: bool = False,
    commit: Commit | None = CLEAN,
) -> Subject:
    found = load_config(make(folder, config, rows))
    return load(found, as_of="2025-01-05", commit=commit, strict=strict, trust=Trust.sandbox, policy_sha256="p")


def refused(
    folder: Path,
    config: str = CONFIG,
    rows: str | bytes | None = None,
    *,
    strict: bool = False,
    commit: Commit | None = CLEAN,
) -> str:
    with pytest.raises(UserError) as caught:
        subject(folder, config, rows, strict=strict, commit=commit)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{folder.as_posix()}/", "")


def test_rows_become_evidence(tmp_path: Path) -> None:
    found = subject(tmp_path, rows="repaid,score,sex\n1,0.5,f\n0,0.49,m\n1,0.2,\n")
    assert found.rows.label.tolist() == [True, False, True]
    assert found.rows.decision.tolist() == [True, False, False]
    assert found.rows.attributes[0].levels == ("f", "m", "(missing)")
    assert (found.rows.favorable_positive, found.rows.threshold) == (True, 0.5)
    assert (found.data.rows, found.data.positives, found.data.threshold) == (3, 2, 0.5)


def test_where_the_rows_came_from(tmp_path: Path) -> None:
    found = subject(tmp_path).provenance
    assert found.data_sha256 == file_sha256(tmp_path / "rows.csv")
    assert found.config_sha256 == file_sha256(tmp_path / "audit.yaml")
    assert (found.seed, found.strict, found.git_commit, found.git_clean) == (7, False, "a" * 40, True)
    assert (found.as_of, found.model_format, found.model_sha256, found.policy_sha256) == (
        "2025-01-05",
        "predictions",
        None,
        "p",
    )
    assert set(found.versions) == {"numpy", "pandas"}
    assert str(tmp_path) not in found.model_dump_json()


def test_the_favourable_outcome_may_be_the_negative_label(tmp_path: Path) -> None:
    found = subject(tmp_path, CONFIG.replace("favorable_label: 1", "favorable_label: 0"))
    assert not found.rows.favorable_positive


def test_decisions_alone(tmp_path: Path) -> None:
    found = subject(
        tmp_path, CONFIG.replace("score_column: score", "prediction_column: d"), "repaid,d,sex\n1,1,f\n0,1,m\n"
    )
    assert found.rows.score is None
    assert (found.rows.threshold, found.data.threshold) == (None, None)
    both = subject(
        tmp_path,
        CONFIG.replace("score_column: score", "score_column: s\n  prediction_column: d"),
        "repaid,d,s,sex\n1,1,0.1,f\n0,1,0.2,m\n",
    )
    assert both.rows.decision.all()
    assert both.rows.score is not None
    assert both.rows.threshold is None


def test_all_missing_columns_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, rows="repayed,scor,gender\n1,0.5,f\n").splitlines()
    assert [one.split(" ")[0] for one in said] == ["audit.yaml:9:", "audit.yaml:10:", "audit.yaml:11:"]
    assert "did you mean `repayed`?" in said[0]
    assert "did you mean `scor`?" in said[1]


def test_a_missing_model_is_never_trained_anew(tmp_path: Path) -> None:
    config = CONFIG.replace("  score_column: score\n", "").replace(
        "  id: credit_model", "  id: m\n  path: modle.joblib"
    )
    said = refused(tmp_path, config)
    assert said.startswith("audit.yaml:3: the model file modle.joblib does not exist; the tool never trains one")


def test_a_sample_is_seeded_and_keeps_the_order(tmp_path: Path) -> None:
    config = CONFIG + "audit: {profile: dev, sample_rows: 20}\n"
    one, two = subject(tmp_path, config), subject(tmp_path, config)
    assert one.rows.rows == 20
    assert one.rows.score is not None
    assert two.rows.score is not None
    assert np.array_equal(one.rows.score, two.rows.score)
    other = subject(tmp_path, config.replace("random_seed: 7", "random_seed: 8"))
    assert other.rows.score is not None
    assert not np.array_equal(one.rows.score, other.rows.score)
    whole = subject(tmp_path).rows.score
    assert whole is not None
    positions = [whole.tolist().index(s) for s in one.rows.score]
    assert positions == sorted(positions)
    assert subject(tmp_path, config.replace("20", "4000")).rows.rows == 40


def test_strict_mode_holds_when_all_is_declared(tmp_path: Path) -> None:
    assert subject(tmp_path, strict=True).provenance.strict
    by_config = CONFIG + "  strict: true\n"
    assert subject(tmp_path, by_config).provenance.strict


def test_strict_mode_names_every_rule_that_is_not_met(tmp_path: Path) -> None:
    bare = (
        "model:\n  id: m\ndata:\n  path: rows.csv\n  target_column: repaid\n  score_column: score\n"
        "reproducibility: {strict: true}\n"
    )
    said = refused(tmp_path, bare, commit=None).splitlines()
    for words in (
        "random_seed",
        "protected_attributes",
        "model.threshold",
        "positive_label",
        "favorable_label",
        "no git checkout",
    ):
        assert len([one for one in said if words in one]) == 1, words
    assert all("strict mode: " in one and one.startswith("audit.yaml") for one in said)
    assert len(said) == 6


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  random_seed: 7\n", "random_seed"),
        ("  protected_attributes: [sex]\n", "protected_attributes"),
        ("  threshold: 0.5\n", "threshold"),
        ("  positive_label: 1\n", "positive_label"),
        ("  favorable_label: 1\n", "favorable_label"),
    ],
)
def test_each_rule_of_strict_mode(tmp_path: Path, line: str, words: str) -> None:
    config = CONFIG.replace(line, "").replace("reproducibility:\n", "reproducibility:\n  strict: true\n")
    said = refused(tmp_path, config)
    assert words in said
    assert "\n" not in said
    assert subject(tmp_path, CONFIG.replace(line, "").removesuffix("reproducibility:\n")).data.rows == 40


def test_strict_mode_wants_a_clean_commit_and_no_warnings(tmp_path: Path) -> None:
    said = refused(tmp_path, strict=True, commit=Commit("a" * 40, ("a\nb", "c", "d", "e")))
    assert "modified since commit aaaaaaaaaaaa (a\\nb, c, d, …); commit or discard" in said
    assert "no git checkout" in refused(tmp_path, strict=True, commit=None)
    one_class = table().replace("\n1,", "\n0,")
    assert "same label" in refused(tmp_path, rows=one_class, strict=True)
    assert subject(tmp_path, rows=one_class).data.warnings
