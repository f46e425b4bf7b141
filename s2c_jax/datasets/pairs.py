"""What every data set of sketch and colour pairs has in common."""

import dataclasses
import hashlib
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


class PairsBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder of pairs in four sizes, kept as PNG in ArrayRecord: TFDS needs no TensorFlow then.

    Features: "sketch" and "color", RGB pictures of the config's size, and "id", a name.
    """

    BUILDER_CONFIGS: ClassVar[list[PairsConfig]] = [
        PairsConfig(name=str(size), description=f"{size}x{size} pixels", size=size)
        for size in (64, 128, 256, 512)
    ]

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("file_format", tfds.core.FileFormat.ARRAY_RECORD)
        super().__init__(**kwargs)

    def pairs_info(self, **description: Any) -> tfds.core.DatasetInfo:
        """Returns TFDS's description of the data set.

        Args:
            **description: description, homepage, citation, license.
        """
        size = self.builder_config.size
        picture = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"sketch": picture, "color": picture, "id": tfds.features.Text()}
            ),
            supervised_keys=("sketch", "color"),
            **description,
        )


def example(name: str, *, sketch: Image.Image, color: Image.Image) -> dict[str, Any]:
    """Returns a pair as the builder's features."""
    return {"sketch": images.encode_png(sketch), "color": images.encode_png(color), "id": name}


def is_validation(name: str) -> bool:
    """Whether a pair is held out: by its name alone, so that adding one never moves another."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < _VALIDATION_SHARE * 2**32
