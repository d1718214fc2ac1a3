"""What a policy asks of an audit beside its numbers: repeatability, and evidence that only people can give."""

from __future__ import annotations

from collections.abc import Iterator

from glassalpha_action.documents import person, same_person
from glassalpha_action.policy.schema import Policy
from glassalpha_action.records import ModelCard, Provenance, Requirement


def requirements(policy: Policy, provenance: Provenance, model: ModelCard | None = None) -> tuple[Requirement, ...]:
    """Each requirement the policy makes, whether it is met, and how to meet it."""
    return (*_reproducibility(policy, provenance), *_evidence(policy, provenance, model or ModelCard(id="")))


def _reproducibility(policy: Policy, provenance: Provenance) -> Iterator[Requirement]:
    asked = policy.reproducibility
    digests = (provenance.config_sha256, provenance.data_sha256, provenance.predictions_sha256)
    table = (
        (
            "strict_mode_required",
            asked.strict_mode_required,
            provenance.strict,
            "The audit ran in strict mode.",
            "Run the audit with --strict, or set `reproducibility: strict: true` in audit.yaml.",
        ),
        (
            "seed_required",
            asked.seed_required,
            provenance.seed is not None,
            f"The random seed is {provenance.seed}.",
            "Set `reproducibility: random_seed:` in audit.yaml.",
        ),
        (
            "manifest_required",
            asked.manifest_required,
            all(digests),
            "Digests of every input are recorded.",
            "Audit from files, so that the digests of config, data and model can be recorded.",
        ),
        (
            "git_commit_required",
            asked.git_commit_required,
            provenance.git_commit is not None and provenance.git_clean is not False,
            _commit(provenance),
            "Commit the audit's files, with every change to them, to git and run the audit inside that checkout.",
        ),
    )
    for name, wanted, met, yes, no in table:
        if wanted:
            yield Requirement(name=name, met=bool(met), message=yes if met else no)


def _commit(provenance: Provenance) -> str:
    """What a commit vouches for: the model and the data may lie outside of git, and their digests name them."""
    clean = " with no tracked file modified" if provenance.git_clean else ""
    named = "the model and the data are" if provenance.model_sha256 else "the data are"
    return (
        f"The audit ran at commit {(provenance.git_commit or '')[:12]}{clean}; {named} known by the digests recorded."
    )


def _evidence(policy: Policy, provenance: Provenance, model: ModelCard) -> Iterator[Requirement]:
    for name in policy.required_evidence:
        if name == "model_digest":
            met = provenance.model_sha256 is not None
            yes, no = "The model's digest is recorded.", "Audit the model file itself, so that its digest is recorded."
        elif name == "independent_validator":
            validator = model.validator or ""
            met = bool(person(validator)) and not same_person(validator, model.owner, model.developer)
            yes = f"{model.validator} validates the model and neither owns nor develops it."
            no = "Name in audit.yaml a `model: validator:` who neither owns nor develops the model."
        else:
            met = bool(str(getattr(model, name) or "").strip())
            words = name.replace("_", " ")
            yes, no = (
                f"audit.yaml gives the model's {words}.",
                f"Say the model's {words} in audit.yaml: `model: {name}:`.",
            )
        yield Requirement(name=f"evidence: {name}", met=met, message=yes if met else no)
