"""action.yml, the settings, the outputs and the documentation say the same."""

from __future__ import annotations

from glassalpha_action import settings
from glassalpha_action.github.result import Run, outputs
from tests.github.reference import ACTION, declared, page


def test_every_input_is_declared_with_its_default_and_its_description() -> None:
    inputs = declared()["inputs"]
    assert list(inputs) == settings.names()
    for name, about in inputs.items():
        field = settings.Inputs.model_fields[name.replace("-", "_")]
        assert about["default"] == settings.default(name), name
        assert about["description"] == field.description, name
        assert about["required"] is False


def test_the_declared_defaults_are_the_settings_own() -> None:
    given = {settings.variable(name): about["default"] for name, about in declared()["inputs"].items()}
    assert settings.read(given).inputs == settings.Inputs()
    assert settings.read(given).problems == ()


def test_every_output_is_declared_and_set() -> None:
    assert list(declared()["outputs"]) == list(outputs(Run()))
    assert all(about["description"] for about in declared()["outputs"].values())


def test_the_documentation_is_current_and_names_everything() -> None:
    assert (ACTION.parent / "site" / "reference" / "action.md").read_text(encoding="utf-8") == page()
    for name in [*settings.names(), *outputs(Run())]:
        assert f"| `{name}` |" in page()
