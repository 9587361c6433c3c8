"""How far an evaluation has come, in a file: a run that was ended goes on from there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ivit.baseline import FloatModel
from ivit.evaluation import Tally
from ivit.images.source import Images
from ivit_dialect.files import check_writable, whole_file

FORMAT = "ivit-eval 1"


@dataclass(frozen=True)
class Subject:
    """What is evaluated, as fingerprints: the compiled model's, the images', the reference's (or none)."""

    model: str
    data: str
    reference: str | None
    skip_bad: bool

    @classmethod
    def of(cls, model: Path, images: Images, reference: FloatModel | None, skip_bad: bool) -> Subject:
        """Of the file ``model``, which is read whole, and the others."""
        with model.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(
            digest, images.fingerprint(), None if reference is None else reference.fingerprint(), skip_bad
        )

    def parts(self) -> dict[str, Any]:
        """What each fingerprint is of, for people."""
        return {
            "model": self.model,
            "data": self.data,
            "reference": self.reference,
            "--skip-bad": self.skip_bad,
        }


def read_state(path: Path, subject: Subject, count: int) -> Tally:
    """What ``path`` says of ``subject`` with ``count`` images; a new tally where there is no such file.

    FileNotFoundError where the folder is missing; ValueError, one line, for a file that is no state, or that
    of another evaluation.
    """
    check_writable(path)
    if not path.exists():
        return Tally()
    try:
        content = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        known, kept = content["format"] == FORMAT, dict(content["subject"])
        tallied = content["tally"]
        if not known:
            raise ValueError("of another format")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_state(path) from error
    # first what it belongs to: the sums of another evaluation need not fit this one
    for part, fingerprint in subject.parts().items():
        if kept.get(part) != fingerprint:
            raise ValueError(
                f"{path}: belongs to another evaluation ({_difference(part, kept.get(part), fingerprint)}):"
                " delete it, or name a new file"
            )
    try:
        tally = Tally.from_json(tallied)
        if not tally.images + tally.skipped == tally.done <= count:
            raise ValueError("its figures do not add up")
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_state(path) from error
    return tally


def _no_state(path: Path) -> ValueError:
    return ValueError(f"{path}: not a state of ivit eval: name a new file with --resume")


def _difference(part: str, kept: object, now: object) -> str:
    """What of ``part`` is another: of what may be missing, on which side."""
    if part == "reference" and kept is None:
        return "reference differs: it had none"
    if part == "reference" and now is None:
        return "reference differs: it had one, and now there is none"
    return f"{part} differs"


def write_state(path: Path, subject: Subject, tally: Tally) -> None:
    """Write the file anew, whole or not at all."""
    content = {"format": FORMAT, "subject": subject.parts(), "tally": tally.to_json()}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
