"""Recorded audits for commands that replay them: a registry's, or those of a folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from glassalpha_action.documents import UserError

if TYPE_CHECKING:
    from glassalpha_action.records import Audit


def read_history(database: str | None, folder: Path | None, last_n_days: int | None) -> list[Audit]:
    """Every audit in `folder` (any *.json of it that ends in audit.json), else on main in the registry.

    Raises UserError where both are named, or where there is none.
    """
    if folder is not None and database is not None:
        raise UserError("give --audits or --database, not both.")
    found = _of_folder(folder, last_n_days) if folder is not None else _of_registry(database, last_n_days)
    if not found:
        where = folder.as_posix() if folder else "the registry"
        since = f" in the last {last_n_days} days" if last_n_days is not None else ""
        raise UserError(f"{where}: no audits{since}; record some with `glassalpha registry submit`.")
    return found


def _of_folder(folder: Path, last_n_days: int | None) -> list[Audit]:
    from glassalpha_action.cli.audit import today
    from glassalpha_action.cli.registry import _read_audit

    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; check the path.")
    found = [_read_audit(str(path)) for path in sorted(folder.rglob("*audit.json"))]
    if last_n_days is None:
        return found
    first = (today() - timedelta(days=last_n_days)).isoformat()
    return [audit for audit in found if audit.provenance.as_of >= first]


def _of_registry(database: str | None, last_n_days: int | None) -> list[Audit]:
    from glassalpha_action import settings
    from glassalpha_action.cli.audit import today
    from glassalpha_action.registry import connect

    with connect(database or settings.database(), clock=today) as registry:
        return [registry.audit(row.audit_id) for row in registry.query_all(last_n_days, latest=False)]
