"""Times the same training step and inference in PyTorch. README.md describes the work."""

import argparse

from experiments.benchmarks import measure

# After measure: the time to the first step includes the import.
import torch  # isort: skip

from tests.parity import reference


class Peer:
    """Networks, optimisers and a batch on one device."""

    def __init__(self, options: argparse.Namespace, device: str) -> None:
        """Makes them for the command line's options."""
        self._device, self._precision = device, options.precision
        place = {"device": device, "memory_format": torch.channels_last}
        self._generator = reference.Generator(list(measure.GENERATOR), dropout_rate=0.5).to(**place)
        self._discriminator = reference.Discriminator(list(measure.DISCRIMINATOR)).to(**place)
        self._optimizer_g, self._optimizer_d = (
            torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=True)
            for network in (self._generator, self._discriminator)
        )
        shape = (2, options.batch, 3, options.size, options.size)
        self._sketch, self._color = ((torch.rand(*shape) * 2 - 1)[i].to(**place) for i in range(2))
        # On CPU, torch.compile needs a C++ compiler, and minutes.
        compiled = torch.compile if device == "cuda" else lambda network: network
        self._generate, self._judge = compiled(self._generator), compiled(self._discriminator)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16")

    def _probability(self, picture: torch.Tensor) -> torch.Tensor:
        return self._judge(self._sketch, picture).float()

    def train(self) -> None:
        """Updates the discriminator, then the generator through the updated discriminator."""
        self._generator.train()
        with self._autocast():
            generated = self._generate(self._sketch)
            self._discriminator.requires_grad_(True)
            real, fake = self._probability(self._color), self._probability(generated.detach())
        loss_d = (reference.cross_entropy(real, 0.9) + reference.cross_entropy(fake, 0.0)) / 2
        self._optimizer_d.zero_grad()
        loss_d.backward()
        self._optimizer_d.step()
        # The generator's loss needs no gradients of the discriminator's weights.
        self._discriminator.requires_grad_(False)
        with self._autocast():
            fake = self._probability(generated)
        picture = generated.float()
        loss_g = (
            reference.cross_entropy(fake, 1.0)
            + 100 * (picture - self._color).abs().mean()
            + 1e-4 * reference.total_variation(picture)
        )
        self._optimizer_g.zero_grad()
        loss_g.backward()
        self._optimizer_g.step()

    @torch.no_grad()
    def infer(self) -> torch.Tensor:
        """Colours the batch with running statistics."""
        self._generator.eval()
        with self._autocast():
            return self._generate(self._sketch)


def main() -> None:
    """Prints one line of JSON."""
    options = measure.parse_options(__doc__)
    on_gpu = torch.cuda.is_available()
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    peer = Peer(options, "cuda" if on_gpu else "cpu")
    work = measure.Work(
        peer.train,
        peer.infer,
        wait=lambda _: torch.cuda.synchronize() if on_gpu else None,
        device_memory=torch.cuda.max_memory_allocated if on_gpu else None,
    )
    kind = torch.cuda.get_device_name() if on_gpu else "cpu"
    measure.report(f"PyTorch {torch.__version__}", kind, options, work)


if __name__ == "__main__":
    main()
