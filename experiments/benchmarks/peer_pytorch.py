"""Times the same training step and inference in PyTorch. See README.md for the work."""

from experiments.benchmarks import measure

# Before PyTorch: importing is part of the time to the first step.
import torch  # isort: skip

from tests.parity import reference


def main() -> None:
    """Times it."""
    options = measure.arguments(__doc__)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    place = {"device": device, "memory_format": torch.channels_last}
    generator = reference.Generator(list(measure.GENERATOR), dropout_rate=0.5).to(**place)
    discriminator = reference.Discriminator(list(measure.DISCRIMINATOR)).to(**place)
    optimizer_g, optimizer_d = (
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=True)
        for network in (generator, discriminator)
    )
    shape = (2, options.batch, 3, options.size, options.size)
    sketch, color = ((torch.rand(*shape) * 2 - 1)[i].to(**place) for i in range(2))
    # On a CPU its compiler needs another one, for C++, and minutes.
    compiled = torch.compile if device == "cuda" else lambda network: network
    generate, judge = compiled(generator), compiled(discriminator)

    def autocast() -> torch.autocast:
        return torch.autocast(device, torch.bfloat16, enabled=options.precision == "bfloat16")

    def probability(picture: torch.Tensor) -> torch.Tensor:
        return judge(sketch, picture).float()

    def train() -> None:
        generator.train()
        with autocast():
            generated = generate(sketch)
            discriminator.requires_grad_(True)
            real, fake = probability(color), probability(generated.detach())
        loss_d = (reference.cross_entropy(real, 0.9) + reference.cross_entropy(fake, 0.0)) / 2
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        # The generator's loss needs no gradients of the discriminator's weights.
        discriminator.requires_grad_(False)
        with autocast():
            fake = probability(generated)
        picture = generated.float()
        loss_g = (
            reference.cross_entropy(fake, 1.0)
            + 100 * (picture - color).abs().mean()
            + 1e-4 * reference.total_variation(picture)
        )
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()

    @torch.no_grad()
    def infer() -> torch.Tensor:
        generator.eval()
        with autocast():
            return generate(sketch)

    on_gpu = device == "cuda"
    work = measure.Work(
        train,
        infer,
        wait=lambda _: torch.cuda.synchronize() if on_gpu else None,
        device_memory=torch.cuda.max_memory_allocated if on_gpu else None,
    )
    kind = torch.cuda.get_device_name() if on_gpu else "cpu"
    measure.report(f"PyTorch {torch.__version__}", kind, options, work)


if __name__ == "__main__":
    main()
