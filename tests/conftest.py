"""What every pytest test shares.

Hypothesis draws the same examples in every run, so that a run can be repeated;
``pytest --hypothesis-profile explore`` draws new ones.
"""

from importlib.util import find_spec

if find_spec("hypothesis") is not None:  # tests/gpu/device runs without it
    from hypothesis import settings

    settings.register_profile("repeatable", derandomize=True, deadline=None)
    settings.register_profile("explore", deadline=None)
    settings.load_profile("repeatable")
