"""Random weights in the layout of LPIPS's two files."""

import numpy as np

# The indices of torchvision's convolutions in VGG16, and their input and output channels.
CONVS = {
    0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256),
    14: (256, 256), 17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512),
    26: (512, 512), 28: (512, 512),
}  # fmt: skip
# The output channels of VGG16's five blocks.
CHANNELS = (64, 128, 256, 512, 512)


def vgg_tensors():
    rng = np.random.default_rng(0)
    tensors = {"classifier.0.bias": np.zeros(3, np.float32)}
    for i, (inputs, outputs) in CONVS.items():
        kernel = rng.standard_normal((outputs, inputs, 3, 3), np.float32)
        tensors[f"features.{i}.weight"] = kernel * np.float32(np.sqrt(2 / (9 * inputs)))
        tensors[f"features.{i}.bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)
    return tensors


def linear_tensors(channels=CHANNELS):
    rng = np.random.default_rng(1)
    return {
        f"lin{i}.model.1.weight": rng.uniform(0, 1, (1, c, 1, 1)).astype(np.float32)
        for i, c in enumerate(channels)
    }
