"""The commands' memory and compilation cache, and threads that work ahead."""

import collections
import ctypes
import importlib.util
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

import jax

Item = TypeVar("Item")
Result = TypeVar("Result")

# Parameters of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4
# Bytes that glibc requests beyond an allocation when the heap grows: fewer, larger requests.
_TOP_PAD_BYTES = 2**26


def prepare() -> None:
    """Keeps memory for the next step, and compiled programs for the next run.

    Call it before anything computes.
    """
    keep_memory()
    cache_compiled_programs()


def keep_memory() -> None:
    """Makes glibc's malloc keep freed memory on computers without an accelerator.

    XLA allocates a step's working memory, 0.4 GB at 256 px, in one block. By default malloc returns
    a freed block of that size to the system, which zeroes each page when the memory is allocated
    again. A step takes a tenth less time if malloc keeps the block
    (experiments/benchmarks/README.md).

    Call it before anything computes: JAX fixes its dispatch mode with the first computation. The
    call does nothing without glibc, or where a JAX plugin for an accelerator is installed, since an
    accelerator has its own memory.
    """
    accelerated = any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))
    if not accelerated and platform.libc_ver()[0] == "glibc":
        # With synchronous dispatch the main thread allocates the block. glibc limits other threads'
        # heaps, so only the main heap can keep a block of this size. Synchronous dispatch also
        # frees one step's block before the next step asks for its own.
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        keep_heap()


def keep_heap() -> None:
    """Makes glibc's malloc allocate all blocks on the heap and never shrink the heap."""
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_MAX, 0)
    # -1 is the largest value of an unsigned size: the heap is never trimmed.
    mallopt(_M_TRIM_THRESHOLD, -1)
    mallopt(_M_TOP_PAD, _TOP_PAD_BYTES)


def trim_heap() -> None:
    """Returns the heap's unused memory to the system; does nothing without glibc."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def cache_compiled_programs() -> None:
    """Makes JAX keep compiled programs in the user's cache folder for later processes.

    The environment variable JAX_COMPILATION_CACHE_DIR names another folder.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(cache) / "s2c_jax" / "compiled"))


def map_ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Maps a function over items in a pool, a bounded number of items ahead of the consumer.

    `Executor.map` takes all items at once. Here memory holds at most `ahead` results that the
    consumer has not taken.

    Args:
        pool: computes the results.
        function: is applied to each item.
        items: are taken lazily, in the consumer's thread.
        ahead: the number of results that the pool may compute before the consumer takes them.

    Yields:
        The results, in the order of the items.
    """
    pending: collections.deque[Future[Result]] = collections.deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
