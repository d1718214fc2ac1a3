"""GlassAlpha's public API under the name that scripts import: `import glassalpha as ga`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from glassalpha_action import registry
from glassalpha_action.records import Audit

__all__ = ["Audit", "Registry"]


class Registry:
    """Where audits are kept: `Registry.connect("model_registry.db").query_all(last_n_days=30)`."""

    @staticmethod
    def connect(url: str | Path, *, create: bool = False) -> registry.Registry:
        """Open the registry at `url`: a file name, `sqlite:///file` or `postgresql://…`.

        `last_n_days` counts back from today (UTC).

        `create` makes a new one where there is no file. Raises `glassalpha_action.documents.UserError`.
        """
        return registry.connect(url, create=create, clock=_today)


def _today() -> date:
    return datetime.now(UTC).date()
