"""What goes into pages and what comes out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from glassalpha_action.pages.slugs import slug
from glassalpha_action.records import Audit
from glassalpha_action.registry import Head
from glassalpha_action.report.words import requirement


@dataclass(frozen=True)
class Past:
    """One audit in a model's history; `gates` maps a gate's id to its value (None: not measured) and its outcome.

    `corrected_on` is the day of the audit that supersedes it, from which on it no longer counts.
    """

    audit_id: str
    as_of: str
    status: str
    enforced: bool
    failed_gates: int
    gates: Mapping[str, tuple[float | None, str]]
    corrected_on: str | None = None


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
    """One model: its latest audit, that as audit.json, all it ever had (oldest first), its team, the reports of it.

    `decision` is what a person last decided on it, None where nobody did.
    """

    audit: Audit
    json: bytes
    past: tuple[Past, ...]
    team: str
    reports: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def history(self) -> tuple[Past, ...]:
        """The audits that count, oldest first."""
        return tuple(past for past in self.past if past.corrected_on is None)

    def standing(self, month: str) -> Past | None:
        """The audit that counted at the end of `month` (YYYY-MM): a correction of a later month does not undo it."""
        counted = (
            past
            for past in reversed(self.past)
            if past.as_of[:7] <= month and (past.corrected_on is None or past.corrected_on[:7] > month)
        )
        return next(counted, None)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of what counts among the latest audit's failed gates: hostile strings."""
        unmet = [requirement(need.name) for need in self.audit.requirements if not need.met]
        return (*(verdict.gate for verdict in self.audit.verdicts if verdict.failed), *unmet)

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
    """Everything a portal shows: models by id, the day it speaks of, the end of the registry's chain, the version."""

    models: tuple[Model, ...]
    as_of: str
    head: Head
    version: str

    @property
    def anchor(self) -> str:
        """What `registry verify --anchor` takes; empty where nothing is recorded."""
        return self.head.anchor if self.head.seq else ""

    def age(self, model: Model) -> int:
        """Days from the model's latest audit to the portal's day."""
        return (date.fromisoformat(self.as_of) - date.fromisoformat(model.audit.provenance.as_of)).days


@dataclass(frozen=True)
class Page:
    """One page: `title` and `search` (what finds it) are plain text; `body` is finished HTML, its h1 is `#content`."""

    title: str
    body: str
    search: str
