"""The shapes of a convolution's arrays."""

from jaxtyping import Array, Float

Input = Float[Array, "batch height width in"]
Kernel = Float[Array, "size size in out"]
Output = Float[Array, "batch new_height new_width out"]
