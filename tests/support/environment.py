"""Environment variables of processes that compile programs for tests."""

# Compilation takes most of the tests' time, and most of that is LLVM's optimisation, which small
# networks do not need: without it a step compiles in half the time, and the initial state in a
# tenth.
FAST_COMPILATION = "--xla_backend_optimization_level=0"


def xla_flags(devices: int) -> str:
    """Returns XLA_FLAGS for a process with that many CPU devices."""
    return f"--xla_force_host_platform_device_count={devices} {FAST_COMPILATION}"
