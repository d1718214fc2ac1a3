"""A folder with an audit.yaml and its rows, as a user has it."""

from __future__ import annotations

from pathlib import Path

CONFIG = """\
model:
  id: credit_model
  use_case: credit_scoring
  threshold: 0.5
  positive_label: 1
  favorable_label: 1
data:
  path: rows.csv
  target_column: repaid
  score_column: score
  protected_attributes: [sex]
reproducibility:
  random_seed: 7
"""

POLICY = """\
policy_name: House rules
version: "1.0"
gates:
  - name: Ranking
    metric: roc_auc
    threshold: 0.6
    comparison: greater_than
  - name: Parity
    metric: demographic_parity_difference
    threshold: 0.10
    comparison: less_than
"""


def table(n: int = 40) -> str:
    """Rows with AUC 1 and the same selection rate for both sexes."""
    lines = ["repaid,score,sex"]
    for i in range(n):
        repaid = i // 2 % 2
        lines.append(f"{repaid},{0.6 + i / 1000 if repaid else 0.4 - i / 1000:.3f},{'female' if i % 2 else 'male'}")
    return "\n".join(lines) + "\n"


def make(folder: Path, config: str = CONFIG, rows: str | bytes | None = None, policy: str | bytes = POLICY) -> Path:
    """Write the three files into `folder`; returns the audit.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    content = table() if rows is None else rows
    (folder / "rows.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "policy.yaml").write_bytes(policy if isinstance(policy, bytes) else policy.encode())
    path = folder / "audit.yaml"
    path.write_text(config, encoding="utf-8")
    return path
