"""Where a run's figures go."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from genrestream.errors import UsageError
from train.loop.reports.loggers import opened


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the open files are read from /proc")
@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed here")
def test_when_one_does_not_open_the_others_are_closed(tmp_path):
    with pytest.raises(UsageError, match="wandb: is not installed"), opened(("tensorboard", "wandb"), tmp_path, 1):
        pass
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert str(file) not in map(os.path.realpath, Path("/proc/self/fd").iterdir())
