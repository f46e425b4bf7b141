"""What the commands set up before anything computes."""

import ctypes
import importlib.util
import os
import platform
from pathlib import Path

import jax

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def prepare() -> None:
    """Keeps memory for the next step, and compiled programs for the next run.

    To be called before anything computes.
    """
    keep_memory()
    cache_compiled_programs()


def keep_memory() -> None:
    """Lets glibc keep freed memory, instead of giving it back and getting it anew each step.

    XLA asks for all that a step computes in, 0.4 GB at 256 px, in one block. By default glibc
    gets such a block from the system each time, which zeroes it page by page; kept, a step takes a
    tenth less time (experiments/benchmarks/README.md).

    To be called before anything computes, for how JAX dispatches is settled then. Does nothing
    where JAX has a plugin for an accelerator, which has its own memory, and without glibc.
    """
    accelerated = any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))
    if accelerated or platform.libc_ver()[0] != "glibc":
        return
    # The main thread asks for the block then, whose memory it is that is kept, of any size; and not
    # before the step before has given up its own.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_MMAP_MAX, 0)
    # -1 is the largest size there is: never.
    mallopt(_TRIM_THRESHOLD, -1)
    mallopt(_TOP_PAD, 2**26)


def trim_heap() -> None:
    """Gives the system what `keep_memory` kept and nothing uses; the next step asks for it anew."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def cache_compiled_programs() -> None:
    """Lets JAX keep compiled programs in the user's cache, so that another run need not compile.

    The environment variable JAX_COMPILATION_CACHE_DIR, if it is set, says where instead.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(cache) / "s2c_jax" / "compiled"))
