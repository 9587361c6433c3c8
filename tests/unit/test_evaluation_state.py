"""A state of an evaluation that is read for another one, or is none."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ivit.evaluation import Tally
from ivit.evaluation_state import Subject, read_state, write_state

SUBJECT = Subject("m", "d", "r", skip_bad=False)
NEW = "delete it, or name a new file"


@pytest.mark.parametrize(
    ("kept", "now", "what"),
    [
        (SUBJECT, replace(SUBJECT, reference=None), "reference differs: it had one, and now there is none"),
        (replace(SUBJECT, reference=None), SUBJECT, "reference differs: it had none"),
        (SUBJECT, replace(SUBJECT, reference="s"), "reference differs"),
        (SUBJECT, replace(SUBJECT, data="e"), "data differs"),
    ],
)
def test_what_differs_is_told_before_sums_that_do_not_fit(
    kept: Subject, now: Subject, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    write_state(path, kept, Tally(done=9, images=9))
    content = json.loads(path.read_text())
    for count in (9, 3):
        message = f"{path}: belongs to another evaluation ({what}): {NEW}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read_state(path, now, count)
    del content["tally"]["cosine"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"belongs to another evaluation"):
        read_state(path, now, 9)
    with pytest.raises(ValueError, match=r"not a state of ivit eval: name a new file with --resume"):
        read_state(path, kept, 9)
