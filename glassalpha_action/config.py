"""One model's audit.yaml: what to audit, by which policy, and where to keep the record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from glassalpha_action.digests import sha256
from glassalpha_action.documents import (
    Document,
    DocumentError,
    Flag,
    Number,
    Problem,
    Text,
    Tree,
    UserError,
    Whole,
    build,
    merged,
    parse,
    plain,
    read_bytes,
)
from glassalpha_action.records import ModelCard

SECRET_NAME = re.compile(
    r"^(ACTIONS|INPUT)_|^PG|TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|AUTH(?!OR)|KEY|DATABASE|DSN|CONNECTION", re.IGNORECASE
)
SECRET_VALUE = re.compile(r"://[^/\s]*:[^/\s]*@")
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def _label(value: object) -> object:
    """A label as text, the way it stands in a data file: 1, 1.0 and "1" are one label."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value


def _named(value: object) -> object:
    """A list of attribute names as a mapping of names to their settings."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise ValueError("must be a list of column names, or each name with its `bins`, `labels` or `reference`")
    if len(set(value)) < len(value):
        raise ValueError("names an attribute twice")
    return {v: {} for v in value}


Label = Annotated[Text, BeforeValidator(_label)]
Section = Literal[
    "performance", "calibration", "fairness", "data_quality", "robustness", "explainability", "regression"
]
Share = Annotated[Number, Field(ge=0, le=1)]


class ModelBlock(Document):
    """`model:` what the model is and how its scores become decisions."""

    id: Text
    name: Text | None = None
    version: Text | None = None
    use_case: Text | None = None
    task: Literal["classification", "regression"] = "classification"
    owner: Text | None = None
    developer: Text | None = None
    validator: Text | None = None
    team: Text | None = None
    tier: Text | None = None
    lifecycle: Literal["dev", "candidate", "production", "retired"] = "candidate"
    intended_use: Text | None = None
    limitations: Text | None = None
    path: Text | None = None
    format: Text | None = None
    threshold: Share | None = None
    positive_label: Label | None = None
    favorable_label: Label | None = None

    def card(self) -> ModelCard:
        """The part of the block that travels in the Audit."""
        return ModelCard.model_validate({name: getattr(self, name) for name in ModelCard.model_fields})


class ProtectedAttribute(Document):
    """How one protected attribute is cut into levels; the reference is the largest level unless named."""

    bins: tuple[Number, ...] | None = None
    labels: tuple[Label, ...] | None = None
    reference: Label | None = None

    @model_validator(mode="after")
    def _bins_fit_labels(self) -> ProtectedAttribute:
        if self.labels and not self.bins:
            raise ValueError("`labels` need `bins`, the edges they stand between")
        if self.bins and list(self.bins) != sorted(set(self.bins)):
            raise ValueError("`bins` must increase, each edge once")
        if self.bins and (len(self.bins) < 2 or (self.labels and len(self.labels) != len(self.bins) - 1)):
            raise ValueError("`bins` of k + 1 edges make k levels and take k `labels`")
        if self.labels and len(set(self.labels)) < len(self.labels):
            raise ValueError("`labels` names a level twice")
        return self


class DataBlock(Document):
    """`data:` the held-out rows, and the role of their columns.

    `id_column` names each row, `dictionary` says in plain words what columns mean, and `proxies` are columns that stand
    for a protected attribute: like it, they are never given as a reason.
    """

    path: Text
    target_column: Text
    score_column: Text | None = None
    prediction_column: Text | None = None
    feature_columns: tuple[Text, ...] | None = None
    exclude_columns: tuple[Text, ...] = ()
    weight_column: Text | None = None
    id_column: Text | None = None
    reference_path: Text | None = None
    dictionary: Mapping[str, Text] = {}
    proxies: tuple[Text, ...] = ()
    protected_attributes: Annotated[Mapping[str, ProtectedAttribute], BeforeValidator(_named)] = {}

    @model_validator(mode="after")
    def _one_way_to_features(self) -> DataBlock:
        if self.feature_columns and self.exclude_columns:
            raise ValueError("give `feature_columns` or `exclude_columns`, not both")
        return self

    @property
    def has_predictions(self) -> bool:
        """Whether the rows carry the model's output, so that no model runs."""
        return bool(self.score_column or self.prediction_column)


class AuditBlock(Document):
    """`audit:` how thorough to be.

    `shap` asks for SHAP values as well, which need the extra of that name; `reason_codes` says what makes a feature a
    reason: that a typical value in its place, or its SHAP value, moves the score.
    """

    profile: Literal["dev", "prod"] = "prod"
    sample_rows: Annotated[Whole, Field(ge=1)] | None = None
    sections: tuple[Section, ...] | None = None
    confidence: Annotated[Number, Field(ge=0.5, lt=1)] | None = None
    shap: Flag = False
    reason_codes: Literal["typical_value", "shap"] = "typical_value"

    @model_validator(mode="after")
    def _shap_for_reasons(self) -> AuditBlock:
        if self.reason_codes == "shap" and not self.shap:
            raise ValueError("`reason_codes: shap` needs `shap: true`")
        return self

    @model_validator(mode="after")
    def _sampling_is_for_dev(self) -> AuditBlock:
        if self.sample_rows and self.profile != "dev":
            raise ValueError("`sample_rows` needs `profile: dev`; a full audit reads every row")
        if self.sections is not None and self.profile != "dev":
            raise ValueError("`sections` needs `profile: dev`; a full audit measures everything")
        return self


class ReproducibilityBlock(Document):
    """`reproducibility:` the seed and whether every rule of strict mode holds."""

    random_seed: Annotated[Whole, Field(ge=0, lt=2**32)] | None = None
    strict: Flag = False


class PolicyBlock(Document):
    """`policy:` the file to be judged by, and the folder of waivers from it, else `waivers` beside the policy."""

    path: Text
    waivers: Text | None = None


class RegistryBlock(Document):
    """`registry:` where audits of this model are kept."""

    enabled: Flag = True
    database: Text | None = None
    auto_submit: Flag = False
    metadata: Mapping[str, Text] = {}


class AuditConfig(Document):
    """A whole audit.yaml."""

    extends: Text | None = None
    template: Text | None = None
    model: ModelBlock
    data: DataBlock
    audit: AuditBlock = AuditBlock()
    reproducibility: ReproducibilityBlock = ReproducibilityBlock()
    policy: PolicyBlock | None = None
    registry: RegistryBlock = RegistryBlock()


@dataclass(frozen=True, slots=True)
class Config:
    """audit.yaml as read: its document, where each value stands, and the digest of its bytes and those it extends."""

    path: Path
    document: AuditConfig
    tree: Tree
    sha256: str

    def resolve(self, *keys: str) -> Path:
        """The path written at `keys`, relative to the file that holds it."""
        value: Any = self.document
        for key in keys:
            value = getattr(value, key)
        place = self.tree.place(keys)
        return (Path(place.file).parent if place else self.path.parent) / str(value)

    def where(self, *keys: str) -> str:
        """`file:line` of the value at `keys`."""
        place = self.tree.place(keys)
        return f"{place.file}:{place.line}" if place else self.path.as_posix()

    def spare_inputs(self, output: Path, option: str) -> None:
        """Raise UserError, which names `option`, where `output` is a file that this audit.yaml reads."""
        document = self.document
        named = {
            ("model", "path"): document.model.path,
            ("data", "path"): document.data.path,
            ("data", "reference_path"): document.data.reference_path,
        }
        read = [self.path, *(self.resolve(*keys) for keys, path in named.items() if path)]
        if output.resolve() in {path.resolve() for path in read}:
            raise UserError(f"{option} {output}: is what the audit reads, and would be lost; give another file.")

    def error(self, message: str, *keys: str, exit_code: int = 2) -> UserError:
        """An error that points at the value at `keys`."""
        return UserError(f"{self.where(*keys)}: {plain(message)}", exit_code=exit_code)


def recorded_metadata(config: Config, environment: Mapping[str, str]) -> dict[str, str]:
    """What audit.yaml asks to record with an audit, each `{{ NAME }}` in it taken from `environment`.

    Raises UserError that names every variable which may hold a secret (4: a record cannot be taken back), or which is
    not set or empty (2).
    """
    templates = config.document.registry.metadata
    wanted = sorted({name for text in templates.values() for name in PLACEHOLDER.findall(text)})
    secret = [name for name in wanted if SECRET_NAME.search(name) or SECRET_VALUE.search(environment.get(name, ""))]
    if secret:
        said = f"{', '.join(secret)} may hold a secret and is not recorded; give what is public under another name."
        raise config.error(said, "registry", "metadata", exit_code=4)
    if missing := [name for name in wanted if not environment.get(name, "").strip()]:
        said = f"the environment does not say {', '.join(missing)}; set it before submitting."
        raise config.error(said, "registry", "metadata")
    return {key: PLACEHOLDER.sub(lambda found: environment[found[1]], text) for key, text in templates.items()}


def load(path: Path) -> Config:
    """Read the audit.yaml at `path` and what it extends.

    Raises UserError, with every mistake and its line.
    """
    tree, digests = _tree(path, ())
    document = build(tree, AuditConfig)
    _check(document, tree)
    return Config(path, document, tree, sha256("".join(digests).encode()) if len(digests) > 1 else digests[0])


def _tree(path: Path, seen: tuple[Path, ...]) -> tuple[Tree, list[str]]:
    if path.resolve() in seen:
        raise UserError(f"{path.as_posix()}: extends itself; break the circle.")
    content = read_bytes(path, path.as_posix())
    tree = parse(content, path.as_posix())
    base = tree.data.get("extends")
    if not isinstance(base, str):
        return tree, [sha256(content)]
    below = path.parent / base
    if not below.is_file():
        raise UserError(f"{path.as_posix()}:{tree.line('extends')}: extends {base}, but there is no such file.")
    under, digests = _tree(below, (*seen, path.resolve()))
    return merged(under, tree), [sha256(content), *digests]


def _check(document: AuditConfig, tree: Tree) -> None:
    """What needs more than one block to be seen."""
    model, data = document.model, document.data
    said: list[tuple[tuple[str, ...], str]] = []
    if not model.path and not data.has_predictions:
        said.append(
            (("model",), "nothing gives predictions: set `model.path`, or `data.score_column` for rows that hold them.")
        )
    if model.path and data.has_predictions:
        said.append(
            (("model", "path"), "both a model and a predictions column are given; keep the one this audit is to judge.")
        )
    roles = {
        "target_column": data.target_column,
        "score_column": data.score_column,
        "prediction_column": data.prediction_column,
        "weight_column": data.weight_column,
        "id_column": data.id_column,
    }
    if model.task == "regression":
        said += [
            (("model", key), f"a model of amounts has no `{key}`; remove it, or set `task: classification`.")
            for key in ("threshold", "positive_label", "favorable_label")
            if getattr(model, key) is not None
        ]
        if data.score_column:
            said.append((("data", "score_column"), "a model of amounts has no scores; name `prediction_column`."))
    said += [
        (("data", "feature_columns"), f"`{name}` is a feature and plays another role too; remove it here.")
        for name in dict.fromkeys(data.feature_columns or ())
        if name in roles.values()
    ]
    if said:
        problems = []
        for keys, message in said:
            place = tree.place(keys)
            problems.append(Problem(place.file if place else "audit.yaml", place.line if place else None, message))
        raise DocumentError(problems)
