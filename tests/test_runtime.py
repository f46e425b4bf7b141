"""Memory and compiled programs are kept for the next step and run; threads work ahead."""

import os
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s2c_jax import runtime

# Counts the pages that the system zeroes for four runs of a program with a working memory of 64 MB,
# twice the largest block that malloc keeps by default. The first four runs are not counted: what
# else they allocate may take the block's place. `keep_memory` would do nothing where a JAX plugin
# is installed, so the script makes its two calls.
COMPUTE = """
import resource, sys
import jax
from s2c_jax import runtime

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

jax.config.update("jax_cpu_enable_async_dispatch", False)
if sys.argv[1] == "keep":
    runtime.keep_heap()
x = jax.numpy.linspace(0, 1, 2**12)
program = jax.jit(lambda x: jax.numpy.outer(x, x) @ jax.numpy.outer(x, x)[:, :8])
program = program.lower(x).compile()
assert program.memory_analysis().temp_size_in_bytes >= 2**26
for run in range(8):
    if run == 4:
        before = pages()
    jax.block_until_ready(program(x))
print(pages() - before)
"""

# Prints how many programs the process took from the cache of compiled programs.
COMPILE = """
import jax
from s2c_jax import runtime

saved = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: saved.append(seconds) if event.endswith("saved_sec") else None
)
runtime.cache_compiled_programs()
jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((3, 3)))
print(len(saved))
"""


def printed_number(script, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


@pytest.mark.slow(reason="starts two processes that compute in 64 MB")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc has mallopt")
def test_keep_heap_reuses_a_large_block():
    zeroed = printed_number(COMPUTE, "default")
    # While another thread holds the main heap, malloc takes the block from elsewhere: try again.
    assert any(printed_number(COMPUTE, "keep") < 0.5 * zeroed for _ in range(3))


def test_keep_memory_does_nothing_beside_an_accelerator(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(runtime, "keep_heap", lambda: pytest.fail("malloc was changed"))
    runtime.keep_memory()


@pytest.mark.slow(reason="starts two processes that compile")
@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "JAX_COMPILATION_CACHE_DIR"])
def test_a_second_process_takes_compiled_programs_from_the_cache(variable, tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    environment = {
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        variable: str(tmp_path),
    }
    assert printed_number(COMPILE, **environment) == 0
    assert printed_number(COMPILE, **environment) > 0
    folder = tmp_path / "s2c_jax" / "compiled" if variable == "XDG_CACHE_HOME" else tmp_path
    assert list(folder.glob("jit_*"))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.parametrize("ahead", [0, 1, 3, 100])
def test_map_ahead_keeps_the_order_of_the_items(pool, ahead):
    assert list(runtime.map_ahead(pool, str, range(20), ahead)) == [str(i) for i in range(20)]
    assert list(runtime.map_ahead(pool, str, [], ahead)) == []


def test_map_ahead_takes_a_bounded_number_of_items(pool):
    taken = []

    def items():
        for i in range(20):
            taken.append(i)
            yield i

    results = runtime.map_ahead(pool, lambda i: i, items(), 3)
    assert not taken
    for count, result in enumerate(results, 1):
        assert result == count - 1
        assert len(taken) == min(count + 3, 20)


def test_map_ahead_computes_while_the_consumer_works(pool):
    """The second item is done although nobody has asked for its result."""
    done = threading.Event()
    results = runtime.map_ahead(pool, lambda i: done.set() if i == 1 else i, range(2), 1)
    assert next(results) == 0
    assert done.wait(timeout=10)


def test_map_ahead_raises_what_the_function_raises_in_its_place(pool):
    results = runtime.map_ahead(pool, lambda i: 1 / i, [1, 0, 2], 2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_map_ahead_cancels_pending_items_when_closed():
    release, computed = threading.Event(), []

    def compute(i):
        if i:
            release.wait(10)
        computed.append(i)

    with ThreadPoolExecutor(1) as pool:
        results = runtime.map_ahead(pool, compute, range(10), 5)
        next(results)
        results.close()
        release.set()
    assert computed in ([0], [0, 1])
