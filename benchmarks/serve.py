"""The server under load: sound to pixel, viewers, microphones, several inputs, and a simulated day.

::

    python -m benchmarks.serve viewers --seconds 60        # what 50 viewers of one stream cost
    python -m benchmarks.serve pixel --seconds 60          # from the sound to the picture in Chromium
    python -m benchmarks.serve streams --seconds 30        # inputs, then microphones, that one machine keeps up with
    python -m benchmarks.serve day --hours 24              # memory over simulated hours

The music is examples/metal.ogg, again and again. Linux only; ``pixel`` needs chromium, chromium-driver and selenium.
"""

import contextlib
import dataclasses
import http.client
import itertools
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from benchmarks.paired import ratio_of
from genrestream.live.config import ListenConfig
