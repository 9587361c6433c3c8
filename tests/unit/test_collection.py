"""Garbage collection is put off, and comes back."""

from __future__ import annotations

import gc

import pytest

from ivit_dialect.collection import no_collection


def fail_halfway() -> None:
    with no_collection():
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError("halfway")


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_is_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ValueError, match="halfway"):
            fail_halfway()
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
