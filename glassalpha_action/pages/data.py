"""What goes into pages and what comes out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from glassalpha_action.pages.slugs import slug
from glassalpha_action.records import Audit


@dataclass(frozen=True)
class Past:
    """One audit in a model's history; `gates` maps a gate's id to its value (None: not measured) and its outcome."""

    audit_id: str
    as_of: str
    status: str
    enforced: bool
    failed_gates: int
    gates: Mapping[str, tuple[float | None, str]]


@dataclass(frozen=True)
class Decision:
    """What a person last decided on a model: `word`, by whom, on which day, on which audit of which commit, and why.

    `stands` is False for an approval that is void by now, and `never` says why where it never counted; `approved` says
    that it covers the latest audit. The person is `self_declared` where nobody but they said who they are. All texts
    are hostile strings.
    """

    word: str
    stands: bool
    approved: bool
    by: str
    on: str
    audit_id: str
    commit: str | None
    reason: str
    self_declared: bool
    never: str = ""


@dataclass(frozen=True)
class Model:
    """One model: its latest audit, that as audit.json, its history (oldest first), its team, the reports of it.

    `decision` is what a person last decided on it, None where nobody did.
    """

    audit: Audit
    json: bytes
    past: tuple[Past, ...]
    team: str
    reports: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def approved(self) -> bool:
        """Whether a live approval stands on the latest audit."""
        return self.decision is not None and self.decision.approved

    @property
    def id(self) -> str:
        """The model's id as the registry holds it: a hostile string."""
        return self.audit.model.id

    @property
    def team_key(self) -> str:
        """The team's name as it stands in links."""
        return slug(self.team)

    @property
    def folder(self) -> str:
        """Where the model's pages lie, from the top of the site."""
        return f"models/{slug(self.id)}"

    @property
    def policy_folder(self) -> str | None:
        """Where the page of the model's policy lies, from the top of the site."""
        policy = self.audit.policy
        return f"policies/{slug(policy.id)}/{slug(policy.version)}" if policy else None


@dataclass(frozen=True)
class Portfolio:
    """Everything a portal shows: models by id, the day it speaks of, the registry's head digest, the tool's version."""

    models: tuple[Model, ...]
    as_of: str
    head: str
    version: str

    def age(self, model: Model) -> int:
        """Days from the model's latest audit to the portal's day."""
        return (date.fromisoformat(self.as_of) - date.fromisoformat(model.audit.provenance.as_of)).days


@dataclass(frozen=True)
class Page:
    """One page: `title` and `search` (what finds it) are plain text; `body` is finished HTML, its h1 is `#content`."""

    title: str
    body: str
    search: str
