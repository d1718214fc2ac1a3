from pathlib import Path

import pytest

from glassalpha_action import shipped


def test_a_checkout_has_policies_and_templates_at_its_top() -> None:
    top = Path(shipped.__file__).parent.parent
    assert shipped.policies() == top / "policies"
    assert (shipped.templates() / "report" / "html.jinja").is_file()


def test_a_wheel_has_them_beside_the_package_and_looks_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "glassalpha_action"
    (package / "_data").mkdir(parents=True)
    (tmp_path / "site-packages" / "templates").mkdir()
    monkeypatch.setattr(shipped, "__file__", str(package / "shipped.py"))
    monkeypatch.chdir(tmp_path)
    assert shipped.templates() == package / "_data" / "templates"
    assert shipped.policies() == package / "_data" / "policies"
