import hashlib
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
import pytest

from genrestream.errors import CheckpointError
from genrestream.inference.cache_folder import cache_folder, read_private, write_private
from genrestream.inference.checkpoint import read, write
from genrestream.inference.engines import runtime
from genrestream.inference.engines.packing import from_bytes, to_bytes
from genrestream.inference.engines.stored import MAX_PROGRAMS
from genrestream.inference.network import load_weights, logits_function
from genrestream.inference.program import Program
from genrestream.inference.shipped import find
from tests.conftest import METAL, ROOT, as_another_user, command

TAGS = read(find("musicnn-tags"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["bare", "untried", "changed"])
def start(request, monkeypatch):
    """How later starts run: without jax; through jax, since this jaxlib was not tried; or since it is not as it was."""
    if request.param == "untried":
        monkeypatch.setattr(runtime, "TRIED", ())
    if request.param == "changed":
        monkeypatch.delattr("jaxlib._jax.buffer_to_dlpack_managed_tensor")
    return request.param


def test_the_stored_program_equals_the_network(own_cache, golden, start):
    chunk = golden["waveform"][:1]
    direct = np.asarray(jax.jit(logits_function(TAGS.card))(load_weights(TAGS), chunk))
    made, stored = Program(TAGS)(chunk), Program(TAGS)(chunk)
    np.testing.assert_allclose(made, direct, atol=1e-5)
    np.testing.assert_array_equal(stored, made)
    (file,) = (own_cache / "programs").iterdir()
    assert (b'" result 0"' in file.read_bytes()[:20_000]) == (
        start == "bare" and runtime.is_usable()
    )  # which of the two kinds it is


@pytest.mark.skipif(not runtime.is_usable(), reason="this jaxlib was not tried without jax, or jax has settings here")
def test_starts_do_without_jax(own_cache):
    code = """
import sys, genrestream
genrestream.load("cnn_lstm").classify("examples/metal.ogg")
print("jax" in sys.modules)
"""
    first, later = in_a_process(code), in_a_process(code)
    assert (first.stdout, later.stdout, later.stderr) == ("False\n", "False\n", "")
    assert in_a_process(code, JAX_PLATFORMS="cpu").stdout == "True\n"  # a setting of jax is jax's to obey


def test_many_threads_share_a_program(own_cache, golden):
    program, chunks = Program(TAGS), golden["waveform"][:2]
    expected = [program(chunk[None]) for chunk in chunks]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: program(chunks[number % 2][None]), range(12)))
    for number, answer in enumerate(answers):
        np.testing.assert_allclose(answer, expected[number % 2], atol=1e-6)


@pytest.mark.parametrize("shift", [0, 1])
def test_packed_arrays_come_back(shift):
    rng = np.random.default_rng(0)
    arrays = {"a b": rng.normal(size=(3, 5)).astype(np.float32), "none": np.zeros((0, 2), np.int8)}
    arrays["é"] = rng.integers(-9, 9, size=7 + shift).astype(np.int8)
    again = from_bytes(to_bytes(arrays))
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "planted"])
def test_a_damaged_program_is_made_again_without_a_word(own_cache, golden, caplog, damage):
    expected = Program(TAGS)(golden["waveform"][:1])
    (file,) = (own_cache / "programs").iterdir()
    whole = file.read_bytes()
    changed = whole[:-1000] + bytes([whole[-1000] ^ 1]) + whole[-999:]
    planted = hashlib.sha256(b"not a program").digest() + b"not a program"
    file.write_bytes({"empty": b"", "cut": whole[:-99], "changed": changed, "planted": planted}[damage])
    np.testing.assert_array_equal(Program(TAGS)(golden["waveform"][:1]), expected)
    assert len(file.read_bytes()) > len(planted)
    assert file.read_bytes() != changed
    assert not [record for record in caplog.records if record.name.startswith("genrestream") and record.levelno > 10]


@pytest.mark.parametrize("others", [stat.S_IWGRP, stat.S_IWOTH])
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_others_could_have_written_is_not_read(own_cache, others, which):
    file = cache_folder("programs") / "one.npz"  # type: ignore[operator]
    write_private(file, b"code", 1)
    assert read_private(file) == b"code"
    changed = file if which == "file" else file.parent
    changed.chmod(changed.stat().st_mode | others)
    assert (read_private(file) if which == "file" else cache_folder("programs")) is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_what_another_user_owns_is_not_read(own_cache):
    file = cache_folder("programs") / "one.npz"  # type: ignore[operator]
    write_private(file, b"code", 1)
    os.chown(file, 12345, 12345)
    assert read_private(file) is None
    os.chown(file.parent, 12345, 12345)
    assert cache_folder("programs") is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can run as a user without a name")
def test_without_a_home_folder_nothing_is_cached(tmp_path):
    """A container's user may have no name and no home."""
    code = "from genrestream.inference.cache_folder import cache_folder; print(cache_folder())"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    prefix = as_another_user(tmp_path)
    done = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True, env=kept, cwd="/")
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_old_programs_make_room(own_cache):
    (own_cache / "programs").mkdir(parents=True, mode=0o700)
    for number in range(MAX_PROGRAMS + 3):
        stale = own_cache / "programs" / f"{number}.program"
        stale.touch()
        os.utime(stale, (number, number))
    Program(TAGS)
    left = {file.name for file in (own_cache / "programs").iterdir()}
    assert len(left) == MAX_PROGRAMS
    assert "3.program" not in left


def test_a_folder_that_others_can_write_is_not_trusted(own_cache):
    own_cache.mkdir()
    own_cache.chmod(0o777)
    Program(TAGS)
    assert not list(own_cache.iterdir())


def test_the_cache_is_private(own_cache):
    Program(TAGS)
    assert not stat.S_IMODE(own_cache.stat().st_mode) & 0o077


def test_without_a_cache_it_works(monkeypatch, golden):
    monkeypatch.setenv("GENRESTREAM_CACHE", "")
    logits = Program(TAGS)(golden["waveform"][:1])
    np.testing.assert_allclose(logits, golden["MSD_musicnn_logits"][:1], atol=1e-3)


def in_a_process(code: str, **environment: str) -> subprocess.CompletedProcess:
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=variables)


WITHOUT_SERIALIZATION = """
import sys, numpy as np
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name == "jax.experimental.serialize_executable":
            raise ImportError(name)
sys.meta_path.insert(0, Gone())
from genrestream.inference.engines import runtime
runtime.TRIED = ()
from genrestream.inference.program import Program
from genrestream.inference.checkpoint import read
from genrestream.inference.shipped import find
chunk = np.load("tests/golden/musicnn.npz")["waveform"][:1]
print(*Program(read(find("musicnn-tags")))(chunk)[0])
"""


def test_without_serialization_a_plain_jit_gives_the_same(own_cache, golden):
    done = in_a_process(WITHOUT_SERIALIZATION)
    assert not done.stderr
    np.testing.assert_allclose(
        np.array(done.stdout.split(), float), Program(TAGS)(golden["waveform"][:1])[0], atol=1e-5
    )


def test_what_xla_has_cached_is_not_stored(own_cache, golden):
    """An executable out of XLA's cache lacks functions when it is serialized again; so each is compiled afresh."""
    code = """
from genrestream.inference.program import Program, use_compile_cache
from genrestream.inference.checkpoint import read
from genrestream.inference.shipped import find
import numpy as np
use_compile_cache()
print(*Program(read(find("mlp")))(np.zeros((1, 66_150), np.float32))[0])
"""
    first = in_a_process(code)
    for file in (own_cache / "programs").iterdir():
        file.unlink()
    for _ in range(2):  # made again, and read
        again = in_a_process(code)
        assert (again.stdout, again.stderr) == (first.stdout, "")
    assert first.stdout
    assert len(list((own_cache / "programs").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("JAX_PLATFORMS", "cuda", "JAX finds no such device here"),
        ("JAX_PLATFORMS", "nonsense", "JAX finds no such device here"),
        ("JAX_PLATFORM_NAME", "gpu", "JAX finds no such device here"),
        ("JAX_ENABLE_X64", "maybe", "JAX does not work with this"),
    ],
)
def test_a_setting_that_breaks_jax_is_named(name, value, said):
    done = command("file", METAL, env=os.environ | {name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"genrestream: {name}={value}: {said} (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("setting", ["JAX_DISABLE_JIT=1", "JAX_TRANSFER_GUARD=disallow", "JAX_NUM_CPU_DEVICES=3"])
def test_a_setting_that_does_not_matter_is_borne(setting):
    code = "import genrestream; print(genrestream.load('cnn_lstm').classify('examples/metal.ogg').genre)"
    done = in_a_process(code, **dict([setting.split("=")]))
    assert not done.returncode, done.stderr
    assert not done.stderr


FORKED = """
import os, warnings
import numpy as np
warnings.simplefilter("ignore")  # jax's own
import genrestream
model = genrestream.load("cnn_lstm")
session = model.session()
noise = np.random.default_rng(0).normal(scale=0.1, size=70_000)
for use in (lambda: session.push(noise, 22_050), lambda: genrestream.load("cnn_lstm")):
    child = os.fork()
    if not child:
        try:
            use()
        except genrestream.GenrestreamError as error:
            print(error, flush=True)
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
session.push(noise, 22_050)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_says_so(cache):
    done = in_a_process(FORKED)
    assert not done.returncode, done.stderr
    assert done.stdout.count("which had loaded a model, and JAX does not survive a fork") == 2


def test_values_that_overflow_are_reported(tmp_path):
    """Each weight is finite, the answer is not."""
    base = read(find("mlp"))
    weights: dict[str, Any] = load_weights(base)
    last = max(name for name in weights if name.endswith(".kernel"))
    weights[last] = np.full_like(weights[last], 3e38)
    model = write(tmp_path / "large", base.card, weights)
    with pytest.raises(CheckpointError, match="returns values that are not finite"):
        Program(model)(np.random.default_rng(0).normal(size=(1, 66_150)).astype(np.float32))
