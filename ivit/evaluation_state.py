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
        tally = Tally.from_json(content["tally"])
        if not known or not tally.images + tally.skipped == tally.done <= count:
            raise ValueError("its figures do not add up")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a state of ivit eval: name a new file with --resume") from error
    for part, fingerprint in subject.parts().items():
        if kept.get(part) != fingerprint:
            raise ValueError(
                f"{path}: belongs to another evaluation ({part} differs): delete it, or name a new file"
            )
    return tally


def write_state(path: Path, subject: Subject, tally: Tally) -> None:
    """Write the file anew, whole or not at all."""
    content = {"format": FORMAT, "subject": subject.parts(), "tally": tally.to_json()}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
