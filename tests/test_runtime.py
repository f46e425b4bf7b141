"""What is kept is used again: freed memory, and compiled programs."""

import os
import platform
import subprocess
import sys

import pytest

# Counts the pages that a program, which computes in 128 MB, was given when it ran four more times.
# After the first ones: what else they allocate may lie in the block's place at first.
COMPUTE = """
import resource, sys
import jax
from s2c_jax import runtime

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep":
    runtime.keep_memory()
x = jax.numpy.linspace(0, 1, 2**12)
program = jax.jit(lambda x: (jax.numpy.outer(x, x) @ jax.numpy.outer(x, x) @ x)).lower(x).compile()
assert program.memory_analysis().temp_size_in_bytes >= 2**27
for run in range(8):
    if run == 4:
        before = pages()
    jax.block_until_ready(program(x))
print(pages() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps it")
def test_a_large_block_is_kept():
    pages = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", COMPUTE, how], check=True, capture_output=True, text=True
            ).stdout
        )
        for how in ("keep", "give back")
    }
    assert pages["keep"] < 0.5 * pages["give back"]


# Compiles, and says how many seconds were not, since the program was in the cache.
COMPILE = """
import jax
from s2c_jax import runtime

saved = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: saved.append(seconds) if event.endswith("saved_sec") else None
)
runtime.keep_compiled()
jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((3, 3)))
print(len(saved))
"""


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "JAX_COMPILATION_CACHE_DIR"])
def test_a_program_is_compiled_once(variable, tmp_path):
    environment = os.environ | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    del environment["JAX_COMPILATION_CACHE_DIR"]
    environment[variable] = str(tmp_path)
    first, second = (
        int(
            subprocess.run(
                [sys.executable, "-c", COMPILE],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for _ in range(2)
    )
    assert first == 0
    assert second > 0
    folder = tmp_path / "s2c_jax" / "compiled" if variable == "XDG_CACHE_HOME" else tmp_path
    assert list(folder.glob("jit_*"))
