"""The reference: Sketch2Color in PyTorch, written from the formulas alone.

Nothing here imports the package. Pictures are NCHW in [-1, 1]. Layers have the package's names, so
that weights can be copied.
"""

import torch
from torch import Tensor, nn


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.01)


class Generator(nn.Module):
    """Dropout follows the batch normalisation of the first three decoder layers."""

    def __init__(self, channels: list[int], dropout_rate: float = 0.0) -> None:
        super().__init__()
        self.dropout_rate = dropout_rate
        last = len(channels) - 1
        for i, (before, after) in enumerate(zip([3, *channels], channels)):
            self.add_module(f"encoder_{i}", nn.Conv2d(before, after, 4, stride=2, padding=1))
            if 0 < i < last:
                self.add_module(f"encoder_norm_{i}", norm(after))
        before = channels[-1]
        for i, after in enumerate(channels[-2::-1]):
            up = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
            self.add_module(f"decoder_{i}", up)
            self.add_module(f"decoder_norm_{i}", norm(after))
            before = 2 * after
        self.output = nn.ConvTranspose2d(before, 3, 4, stride=2, padding=1)
        self.depth = len(channels)

    def forward(self, x: Tensor) -> Tensor:
        layers, encoded = dict(self.named_children()), []
        for i in range(self.depth):
            x = layers[f"encoder_{i}"](x)
            if 0 < i < self.depth - 1:
                x = layers[f"encoder_norm_{i}"](x)
            x = torch.relu(x) if i == self.depth - 1 else nn.functional.leaky_relu(x, 0.2)
            encoded.append(x)
        for i in range(self.depth - 1):
            x = layers[f"decoder_norm_{i}"](layers[f"decoder_{i}"](x))
            if i < 3:
                x = nn.functional.dropout(x, self.dropout_rate, self.training)
            x = torch.relu(torch.cat([x, encoded[self.depth - 2 - i]], dim=1))
        return torch.tanh(self.output(x))


class Discriminator(nn.Module):
    """Returns the map of probabilities."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        for i, (before, after) in enumerate(zip([6, *channels], channels)):
            self.add_module(f"conv_{i}", nn.Conv2d(before, after, 4, stride=2, padding=1))
            if i > 0:
                self.add_module(f"norm_{i}", norm(after))
        self.patch = nn.Conv2d(channels[-1], channels[-1], 2)
        self.patch_norm = norm(channels[-1])
        self.output = nn.Conv2d(channels[-1], 1, 2)
        self.depth = len(channels)

    def forward(self, sketch: Tensor, color: Tensor) -> Tensor:
        layers, x = dict(self.named_children()), torch.cat([sketch, color], dim=1)
        for i in range(self.depth):
            x = layers[f"conv_{i}"](x)
            if i > 0:
                x = layers[f"norm_{i}"](x)
            x = nn.functional.leaky_relu(x, 0.2)
        x = nn.functional.leaky_relu(self.patch_norm(self.patch(x)), 0.2)
        return torch.sigmoid(self.output(x))


class Vgg16(nn.Module):
    """All of VGG16's convolutions under torchvision's names."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for block in ([64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3):
            for after in block:
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
                before = after
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def block2_conv2(self, pictures: Tensor) -> Tensor:
        """Returns the fourth convolution's activations for pictures in [-1, 1]."""
        mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).to(pictures)
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1).to(pictures)
        return self.features[:9](((pictures + 1) / 2 - mean) / deviation)


def cross_entropy(probability_map: Tensor, label: float) -> Tensor:
    """Returns the binary cross-entropy; a pair's probability is the mean of its map."""
    p = probability_map.mean(dim=(1, 2, 3))
    return -(label * p.log() + (1 - label) * (1 - p).log()).mean()


def norm_of_each(x: Tensor) -> Tensor:
    return x.flatten(1).square().sum(dim=1).sqrt()


def total_variation(x: Tensor) -> Tensor:
    down = (x[:, :, 1:] - x[:, :, :-1]).flatten(1)
    right = (x[:, :, :, 1:] - x[:, :, :, :-1]).flatten(1)
    return norm_of_each(torch.cat([down, right], dim=1)).mean()


class Trainer:
    """Both networks and the training step; batches are counted from 0.

    Without a VGG16, the generator's loss has no feature-level loss.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        vgg: Vgg16 | None,
        optimizer_g: torch.optim.Optimizer,
        optimizer_d: torch.optim.Optimizer,
    ) -> None:
        self.generator, self.discriminator = generator.train(), discriminator.train()
        self.vgg = vgg.requires_grad_(False) if vgg else None
        self.optimizer_g, self.optimizer_d = optimizer_g, optimizer_d

    def step(self, number: int, sketch: Tensor, color: Tensor) -> dict[str, float]:
        """Takes a step and returns every loss."""
        generated = self.generator(sketch)
        real = cross_entropy(self.discriminator(sketch, color), 0.9)
        fake = cross_entropy(self.discriminator(sketch, generated.detach()), 0.0)
        loss_d = (real + fake) / 2
        if number % 2 == 1:
            self.optimizer_d.zero_grad()
            loss_d.backward()
            self.optimizer_d.step()

        adversarial = cross_entropy(self.discriminator(sketch, generated), 1.0)
        pixel = (color - generated).abs().mean()
        variation = total_variation(generated)
        loss_g = adversarial + 100 * pixel + 0.0001 * variation
        if self.vgg:
            difference = self.vgg.block2_conv2(color) - self.vgg.block2_conv2(generated)
            feature = norm_of_each(difference).mean()
            loss_g = loss_g + 0.01 * feature
        self.optimizer_g.zero_grad()
        gradients = torch.autograd.grad(loss_g, list(self.generator.parameters()))
        for parameter, gradient in zip(self.generator.parameters(), gradients):
            parameter.grad = gradient
        self.optimizer_g.step()

        losses = {
            "discriminator_loss": loss_d,
            "discriminator_loss/real": real,
            "discriminator_loss/generated": fake,
            "generator_loss": loss_g,
            "generator_loss/adversarial": adversarial,
            "generator_loss/pixel": pixel,
            "generator_loss/total_variation": variation,
        }
        if self.vgg:
            losses["generator_loss/feature"] = feature
        return {name: float(loss.detach()) for name, loss in losses.items()}
