"""Make a folder of speech and noise to train on, or count how much of one a model calls music.

``rules.csv`` names the files in Debian's packages; the audio is not in the repository, and apt downloads it from
Debian 12's archive (3.6 GB; what the rules take is kept). Synthetic sounds, crowds, and speech with noise are added::

    python -m train.study.nonmusic runs/nonmusic                       # fetches once; the same for the same seed
    python -m train.study.nonmusic runs/few --only alsa-utils klettres-data
    python -m train.study.nonmusic runs/nonmusic --score musicnn       # called music, speech, noise or silence
    python -m train.study.nonmusic runs/nonmusic --score runs/musicnn-yamnet   # a run of folds

The folder holds ``speech/PACKAGE/0000.wav``, ``noise/PACKAGE/0000.wav``, each of 3 s at 16 kHz, and ``list.csv``. A
model that was trained on the folder is scored fairly only on packages that it was not trained on; of a run of folds,
each model is scored on those that its training left out.
"""

import dataclasses
import tempfile
from pathlib import Path

import tyro

import genrestream
from genrestream.errors import UsageError
from genrestream.files import writing
from genrestream.inference.cache_folder import cache_folder
from genrestream.inference.program import use_compile_cache
from train.command.entry import entry
from train.study.nonmusic.build import build
from train.study.nonmusic.rules import listed
from train.study.nonmusic.scoring import calls, packages_of_folds, report


@dataclasses.dataclass(frozen=True)
class Config:
    """What to make or score.

    Attributes:
        output: The folder to make, or to score with.
        score: A shipped model's name, a model's folder or a run of folds to score on the folder; nothing is made.
        only: Packages to use; all by default. Of a folder to score, synthetic-tone and such as well.
        packages: Where unpacked packages are kept; by default in genrestream's cache folder.
        seed: Of all draws.
    """

    output: tyro.conf.Positional[Path]
    score: str | None = None
    only: tuple[str, ...] = ()
    packages: Path | None = None
    seed: int = 0


def make(config: Config) -> None:
    """Make the folder.

    Raises:
        UsageError: It holds something already, or a package is unknown or cannot be fetched.
        OutputError: It cannot be written.
    """
    rules = listed(config.only)
    packages = config.packages or (cache_folder() or Path(tempfile.gettempdir())) / "nonmusic"
    with writing(config.output):
        config.output.mkdir(parents=True, exist_ok=True)
        if any(config.output.iterdir()):
            raise UsageError(f"{config.output}: is not empty; name a new folder")
        print(f"{build(config.output, rules, packages, config.seed)} chunks of 3 s in {config.output}")


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__)
    if config.score is None:
        make(config)
        return
    use_compile_cache()
    folds = sorted(Path(config.score).glob("fold*/model"))
    if folds and config.only:
        raise UsageError("--only: cannot be used with a run of folds, whose models are scored on their own packages")
    only = packages_of_folds(config.output, len(folds)) if folds else [config.only]
    models = [str(fold) for fold in folds] or [config.score]
    found = [
        call
        for model, packages in zip(models, only, strict=True)
        for call in calls(genrestream.load(model), config.output, model, packages)
    ]
    print("\n".join(report(config.score, found)))


if __name__ == "__main__":
    entry(main)
