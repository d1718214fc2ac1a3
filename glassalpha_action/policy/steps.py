"""The one next step where a gate has nothing to decide by: what the reason asks for, never advice on a failed gate."""

from __future__ import annotations

import re

OWNER = "Ask the policy's owner whether the gate is meant for such a model."
MORE_ROWS = "Audit more rows."
LABELS = "Audit rows of both labels, and check `data.target_column` and `model.positive_label` in audit.yaml."
DECISIONS = "Check `model.threshold` and `data.prediction_column` in audit.yaml: every row is decided alike."
FEATURES = "List the columns that the model was given in `data.feature_columns`, and have the data hold them."
PROTECTED = "Name the attribute in `data.protected_attributes` of audit.yaml."
PARAMS = "Correct the gate's `params` in the policy."

# What a reason says, and what to do about it; the first that is found counts. A reason that is not here says itself
# what to do, as that of a metric that needs `data.reference_path` does, or there is nothing to be done about it.
STEPS = tuple(
    (re.compile(said), step)
    for said, step in (
        ("does not say which columns it was given|^the data hold no (numeric )?feature columns", FEATURES),
        (
            "^the data hold predictions only",
            "Take the predictions' column out of audit.yaml and name the model's file in `model.path`.",
        ),
        (
            "^a dev-profile audit|^audit.sections leaves",
            "Set `profile: prod` under `audit:` in audit.yaml, and audit again.",
        ),
        ("only their counts were given", "Audit the rows themselves instead of their counts."),
        (
            "known only to lie",
            "Audit the rows themselves instead of their counts, or count them in more score bins.",
        ),
        ("scores are not in the data", "Name the column of the model's scores in `data.score_column`."),
        ("no (such )?protected attribute", PROTECTED),
        ("no row has a value of", "Fill the attribute's column in the data: every row lacks it."),
        ("share no column", "Give the file in `data.reference_path` the columns that the audited data have."),
        ("is not (a|one) (difference|chance|share|whole)", PARAMS),
        ("not a whole number of rows|not a share below 1", PARAMS),
        ("no rate .* lies between 0 and 1", PARAMS),
        ("^there are only .* fewer than k", "Audit at least k rows, or have the policy's owner lower the gate's `k`."),
        (
            "share can be moved that far",
            "Audit more rows of the small groups; a smaller `shift` is the policy's to set.",
        ),
        ("combinations of levels", "Cut the attributes into fewer levels: `bins` in `data.protected_attributes`."),
        ("^only one group has rows", "Audit rows of at least two groups of the attribute."),
        (
            "^the reference .* has no rows|^no row of the reference",
            "Audit more rows of the reference, or name another as the attribute's `reference` in audit.yaml.",
        ),
        ("^fewer than two groups", "Audit more rows of the groups without a value."),
        ("^all rows carry the same label|carries the (positive|negative) label|no row is positive", LABELS),
        ("decided alike|is decided|decided in favour", DECISIONS),
        ("outcomes are (all but )?equal", "Check `data.target_column` in audit.yaml: every row has the same outcome."),
        ("scores? above the median|have the same score", "Check `data.score_column`: the scores do not differ."),
        ("^there are no rows|^no row has an outcome", "Check the file in `data.path`: no row of it counts."),
        (
            "largest difference that can exist|fewer than two rows|^fewer than \\d+ rows|separates the labels",
            MORE_ROWS,
        ),
        ("^not estimable for", "Audit more rows of the groups without a value."),
        ("rows a group needs", "Audit more rows of the small groups."),
        (
            "model could not be run on the same rows",
            "Check out the base commit and name the folder with `--base`, or in the action `base-path`.",
        ),
        (
            "neither the base commit's model nor a recorded audit",
            "Check out the base commit and name the folder with `--base`, or name a registry with `--database`.",
        ),
        (
            "no earlier model to compare with|has no value to compare with",
            "Have a person look at it this once: the next audit is compared with this one.",
        ),
        ("did not measure it", "Audit the model again, with a policy that has this gate."),
        (
            "^it judges |^it needs rows labelled|predicts amounts|more than [0-9,]+ features|a ratio means nothing",
            OWNER,
        ),
        (
            "given no (numeric )?features?$|no feature (moves|varies)|lowers the AUC for none|is not a number",
            OWNER,
        ),
        ("did not score altered copies", "Make the model score rows whose values are swapped, missing ones included."),
    )
)


def step(reason: str | None) -> str | None:
    """What to do so that the gate can be judged, by the reason why it was not; None where the reason says all."""
    return next((said for pattern, said in STEPS if reason and pattern.search(reason)), None)
