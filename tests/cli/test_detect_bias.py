"""`glassalpha detect-bias` as people run it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassalpha_action.cli.main import main
from tests.report.audits import HOSTILE, RAW

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `glassalpha detect-bias` in the temporary folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def go(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["detect-bias", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert isinstance(caught.value.code, int)
        return caught.value.code, out, err

    return go


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """120 rows: women repay less often, `title` gives sex away, `income` is missing of some women."""
    draw = np.random.default_rng(0)
    sex = np.array(["female", "male"] * 60)
    table = pd.DataFrame({
        "sex": sex,
        "title": np.where(sex == "female", "Ms", "Mr"),
        "age": np.arange(120) % 60 + 18,
        "income": np.where((sex == "female") & (np.arange(120) % 4 == 0), np.nan, draw.normal(50, 10, 120).round(1)),
        "mortgage": draw.integers(0, 2, 120),
        "repaid": (draw.uniform(size=120) < np.where(sex == "female", 0.3, 0.8)).astype(int),
    })  # fmt: skip
    path = tmp_path / "data.csv"
    table.to_csv(path, index=False)
    return path


def test_the_sources_call_runs_and_says_what_to_add(run: Run, data: Path) -> None:
    code, out, err = run("--data", "data.csv")
    assert (code, err) == (0, "")
    assert "120 rows, 6 columns" in out
    assert "Most values are missing in income" in out
    assert "may be protected attributes: sex and age." in out
    assert "--protected sex,age" in out
    assert "--target" in out
    assert "mortgage" not in out.split("may be protected")[1].splitlines()[0]


def test_bias_before_any_model(run: Run, data: Path) -> None:
    code, out, err = run("--data", "data.csv", "--target", "repaid", "--protected", "sex, age")
    assert (code, err) == (0, "")
    assert "The smallest group by sex is female, with 60 rows." in out
    assert re.search(r"label rate of male is 0\.\d{3} above that of female, by sex", out)
    assert "gives sex away most is title, with a strength of 1.000" in out
    assert "Rows of female lack a value more often than those of male, by 0.500" in out
    assert "cut here at its quartiles" in out
    assert "No target" not in out


def test_the_numbers_are_those_of_the_rows(run: Run, data: Path) -> None:
    table = pd.read_csv(data)
    code, out, _ = run("--data", "data.csv", "--target", "repaid", "--protected", "sex", "--json")
    assert code == 0
    found = {m["metric"]: m for m in json.loads(out)}
    rates = table.groupby("sex")["repaid"].mean()
    assert found["label_rate_difference"]["value"] == pytest.approx(rates.max() - rates.min())
    assert found["min_group_size"]["value"] == 60
    assert found["missing_share"]["value"] == pytest.approx(table["income"].isna().mean())
    assert found["duplicate_share"]["value"] == pytest.approx(table.duplicated().mean())
    assert set(found) == {
        "min_group_size", "label_rate_difference", "proxy_strength", "standardized_mean_difference", "missing_share",
        "missing_share_difference", "duplicate_share",
    }  # fmt: skip


def test_the_report_has_the_same_look_and_claims_no_audit(run: Run, data: Path, tmp_path: Path) -> None:
    asked = ("--data", "data.csv", "--target", "repaid", "--protected", "sex,age", "--as-of", "2025-01-05")
    code, out, _ = run(*asked, "--output", "out/r.html", "--output", "out/r.md", "--output", "out/r.pdf")
    assert code == 0
    assert "wrote out/r.html" in out
    html, markdown = ((tmp_path / "out" / f"r.{kind}").read_text() for kind in ("html", "md"))
    assert (tmp_path / "out" / "r.pdf").read_bytes().startswith(b"%PDF")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"r.html", "r.md", "r.pdf"}
    for text in (html, markdown):
        assert "Nothing here is judged" in text
        assert "title" in text
        for word in ("No policy", "audit record", "Verdict", "Favourable", "threshold", "Model and data"):
            assert word not in text.replace("audit.yaml", ""), word
    assert not RAW.search(re.sub(r"<script.*?</script>|<style.*?</style>", "", html, flags=re.DOTALL))
    first = (tmp_path / "out" / "r.html").read_bytes()
    run(*asked, "--output", "out/r.html")
    assert (tmp_path / "out" / "r.html").read_bytes() == first


def test_combinations_of_groups_are_counted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b\n" + "x,1\n" * 9 + "x,2\n" * 9 + "y,1\n" * 9 + "y,2\n" * 2)
    _, out, _ = run("--data", "d.csv", "--protected", "a,b", "--json")
    whole = next(m for m in json.loads(out) if m["combines"])
    assert (whole["value"], whole["between"]) == (2, ["y & 2"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "none.csv"), "--data: the data file none.csv does not exist"),
        (("--data", "data.csv", "--target", "repayed"), "has no column `repayed`; did you mean `repaid`"),
        (("--data", "data.csv", "--protected", "sexx,agee"), "has no column `sexx`"),
        (("--data", "data.csv", "--target", "age"), "holds 60 labels"),
        (("--data", "data.csv", "--target", "sex"), "say which one counts as positive with --positive"),
        (("--data", "data.csv", "--target", "sex", "--positive", "femal"), "`femal` is not among the labels"),
        (("--data", "data.csv", "--target", "income"), "have no label in `income`, the first in data row 1"),
        (("--data", "data.csv", "--target", "sex", "--protected", "sex"), "is the target"),
        (("--data", "data.csv", "--output", "r.json"), "use one of .html, .md, .pdf"),
        (("--data", "data.csv", "--as-of", "soon"), "--as-of must be a day as YYYY-MM-DD"),
        (("--data", "empty.csv"), "is empty"),
        (("--data", "header.csv"), "holds no rows"),
        (("--data", "latin.csv"), "not UTF-8"),
        (("--data", "cut.parquet"), "cannot be read as parquet"),
        (("--data", "two.csv"), "two columns called a"),
    ],
)
def test_mistakes_are_one_sentence(
    run: Run, data: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:  # fmt: skip
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "latin.csv").write_bytes("a\nb\xe9\n".encode("latin-1"))
    (tmp_path / "cut.parquet").write_bytes(b"PAR1....")
    (tmp_path / "two.csv").write_text("a,a\n1,2\n")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_labels_as_words(run: Run, data: Path, tmp_path: Path) -> None:
    table = pd.read_csv(data)
    table["repaid"] = np.where(table["repaid"] == 1, "yes", "no")
    table.to_csv(tmp_path / "words.csv", index=False)
    asked = ("--protected", "sex", "--json")
    _, words, _ = run("--data", "words.csv", "--target", "repaid", "--positive", "yes", *asked)
    _, numbers, _ = run("--data", "data.csv", "--target", "repaid", *asked)
    assert json.loads(words) == json.loads(numbers)


def test_a_column_of_names_is_no_group(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("name\n" + "".join(f"person {i}\n" for i in range(2_001)))
    code, _, err = run("--data", "d.csv", "--protected", "name")
    assert code == 2
    assert "2,001 levels" in err


def test_hostile_names_are_inert(run: Run, tmp_path: Path) -> None:
    names = [f"{text} {i}" for i, text in enumerate(HOSTILE)]
    table = pd.DataFrame({name: [f"{HOSTILE[i]}", "b", "b", None] for i, name in enumerate(names)})
    table["g"] = [HOSTILE[0], HOSTILE[2], HOSTILE[4], HOSTILE[0]]
    table.to_parquet(tmp_path / "d.parquet")
    code, out, err = run("--data", "d.parquet", "--protected", "g", "--output", "r.html", "--output", "r.md")
    assert (code, err) == (0, "")
    assert "\u202e" not in out
    assert "\x00" not in out
    html = (tmp_path / "r.html").read_text()
    assert "<script>alert(1)" not in html
    assert "</title>'" not in html.split("</head>")[1]
    assert not re.search(r"(?<!\\)\]\(javascript", (tmp_path / "r.md").read_text())


@given(
    st.lists(
        st.tuples(*[st.one_of(st.none(), st.integers(-2, 2), st.floats(), st.sampled_from(["a", "b", "", "nan"]))] * 3),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([("--protected", "a"), ("--protected", "a,b", "--target", "c"), ("--target", "c"), ()]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_is_looked_at_or_refused_with_a_sentence(
    run: Run, tmp_path: Path, cells: list[tuple[object, ...]], options: tuple[str, ...]
) -> None:
    pd.DataFrame(cells, columns=["a", "b", "c"]).to_csv(tmp_path / "t.csv", index=False)
    code, out, err = run("--data", "t.csv", *options, "--output", "t.md")
    assert code in {0, 2}
    assert "unforeseen" not in err
    assert (code == 0) is bool(out)
