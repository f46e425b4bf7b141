"""What every data set of sketch and colour pairs has in common."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from PIL import Image

from s2c_jax import images

_VALIDATION_SHARE = 0.1


@dataclasses.dataclass
class PairsConfig(tfds.core.BuilderConfig):
    """One size of the pictures.

    Attributes:
        size: the side in pixels.
    """

    size: int = 64


def configs(*sizes: int) -> list[PairsConfig]:
    """Returns a config for each size in pixels, named after it."""
    return [
        PairsConfig(name=str(size), description=f"{size}x{size} pixels", size=size)
        for size in sizes
    ]


class PairsBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder of pairs in several sizes, kept as PNG in ArrayRecord: that needs no TensorFlow.

    Features: "sketch" and "color", RGB pictures of the config's size, and "id", a name.
    """

    BUILDER_CONFIGS: ClassVar[list[PairsConfig]] = configs(64, 128, 256, 512)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("file_format", tfds.core.FileFormat.ARRAY_RECORD)
        super().__init__(**kwargs)

    def pairs_info(
        self, features: Mapping[str, Any] | None = None, **description: Any
    ) -> tfds.core.DatasetInfo:
        """Returns TFDS's description of the data set.

        Args:
            features: those that the data set has besides.
            **description: description, homepage, citation, license, metadata.
        """
        size = self.builder_config.size
        picture = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "sketch": picture,
                    "color": picture,
                    "id": tfds.features.Text(),
                    **(features or {}),
                }
            ),
            supervised_keys=("sketch", "color"),
            **description,
        )

    def summary(self) -> str:
        """Returns a line about the preparation, to be printed after it; "" is none."""
        return ""


def manual_dir(dl_manager: tfds.download.DownloadManager) -> Path | None:
    """Returns the folder of the user's own files; None if it is missing or empty."""
    try:
        return Path(dl_manager.manual_dir)
    except AssertionError:
        return None


def example(name: str, *, sketch: Image.Image, color: Image.Image) -> dict[str, Any]:
    """Returns a pair as the builder's features."""
    return {"sketch": images.encode_png(sketch), "color": images.encode_png(color), "id": name}


def is_validation(name: str) -> bool:
    """Whether a pair is held out: by its name alone, so that adding one never moves another."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < _VALIDATION_SHARE * 2**32
