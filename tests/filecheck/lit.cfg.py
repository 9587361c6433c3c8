"""lit: `ivit-opt` and `filecheck` from the environment that runs lit."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import lit.formats

if TYPE_CHECKING:
    from lit.TestingConfig import TestingConfig

    config: TestingConfig

config.name = "ivit"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(os.path.dirname(__file__), "Output")
config.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
