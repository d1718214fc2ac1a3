"""Policy pages: the text an audit was judged by, its digest, its gates in words, and the models under it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from glassalpha_action.pages.data import Model, Page, Portfolio
from glassalpha_action.pages.render import render
from glassalpha_action.pages.waivers import waiver_lines
from glassalpha_action.records import PolicyText, Verdict
from glassalpha_action.report import words
from glassalpha_action.report.background import ENFORCEMENT, questions
from glassalpha_action.vocabulary import Severity

CONSEQUENCE = {Severity.error: "blocks the model", Severity.warning: "asks for a review", Severity.info: "only informs"}


@dataclass(frozen=True)
class Policy:
    """One policy at one version: the newest text seen, every digest seen under that version, the models under it."""

    text: PolicyText
    folder: str
    digests: tuple[tuple[str, int], ...]
    models: tuple[Model, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The gates as the newest audit under the newest text lists them."""
        return next(
            (m.audit.verdicts for m in self.models if m.audit.policy and m.audit.policy.sha256 == self.text.sha256), ()
        )


def policies(portfolio: Portfolio) -> list[Policy]:
    """Every policy that a latest audit names, by id and version."""
    found: dict[str, list[Model]] = {}
    for model in portfolio.models:
        if model.policy_folder:
            found.setdefault(model.policy_folder, []).append(model)
    return [_policy(folder, models) for folder, models in sorted(found.items())]


def _policy(folder: str, models: list[Model]) -> Policy:
    newest = sorted(models, key=lambda model: (model.audit.provenance.as_of, model.audit.audit_id), reverse=True)
    texts = [model.audit.policy for model in newest if model.audit.policy]
    digests = Counter(text.sha256 for text in texts)
    return Policy(texts[0], folder, tuple(digests.most_common()), tuple(newest))


def policy_page(policy: Policy, portfolio: Portfolio) -> Page:
    """The page of one policy at one version."""
    gates = [
        (v, words.required(v.unit, v.comparison, v.threshold), CONSEQUENCE[v.severity], _standing(policy, v))
        for v in policy.verdicts
    ]
    models = sorted(policy.models, key=lambda model: model.id)
    review_due = bool(policy.text.next_review and policy.text.next_review < portfolio.as_of)
    body = render(
        "policy.html",
        policy=policy,
        text=policy.text,
        gates=gates,
        models=models,
        root="../../../",
        portfolio=portfolio,
        review_due=review_due,
        enforcement=ENFORCEMENT[policy.text.enforcement],
        contacts=questions(newest.audit) if (newest := _newest(policy)) else "",
        waived=waiver_lines(models, portfolio.as_of),
    )
    held = f"{words.count(len(gates), 'gate')}, {words.count(len(models), 'model')}"
    title = words.short(f"{policy.text.name} {policy.text.version}", 60)
    return Page(title, body, search=f"Policy {title}: {held}.")


def _newest(policy: Policy) -> Model | None:
    """The model whose audit has the text that is shown."""
    return next((m for m in policy.models if m.audit.policy and m.audit.policy.sha256 == policy.text.sha256), None)


def policies_page(portfolio: Portfolio) -> Page:
    """The list of all policies."""
    body = render("policies.html", policies=policies(portfolio), root="../", portfolio=portfolio)
    return Page("Policies", body, search="All policies, their versions and how many models stand under each.")


def _standing(policy: Policy, verdict: Verdict) -> tuple[int, int]:
    """(models that fail the gate, models judged by it)."""
    judged = [found for model in policy.models for found in model.audit.verdicts if found.gate_id == verdict.gate_id]
    return sum(found.failed for found in judged), len(judged)
