"""Environment variables of processes that compile programs for tests."""

import importlib.metadata


def xla_flags(devices: int) -> str:
    """Returns XLA_FLAGS for a process with that many CPU devices.

    Compilation takes most of the tests' time, and most of that is optimisation, which small
    networks do not need. Without LLVM's optimisation a step compiles in half the time, and with
    XLA's older emitters of fused operations in a third of what is left.
    """
    flags = [
        f"--xla_force_host_platform_device_count={devices}",
        "--xla_backend_optimization_level=0",
    ]
    # A flag that XLA does not know ends the process: jaxlib 0.12 has no older emitters.
    if importlib.metadata.version("jaxlib").startswith("0.10."):
        flags.append("--xla_cpu_use_fusion_emitters=false")
    return " ".join(flags)
