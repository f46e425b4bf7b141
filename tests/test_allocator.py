"""Freed memory is used again, without the system."""

import platform
import subprocess
import sys

import pytest

# In a thread, as XLA computes; counts the pages that the second block had to be given.
PROGRAM = """
import resource, sys, threading
import numpy as np
from s2c_jax import allocator

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def allocate():
    np.ones(2**27, np.uint8)
    before = pages()
    np.ones(2**27, np.uint8)
    print(pages() - before)

if sys.argv[1] == "keep":
    allocator.keep_memory()
thread = threading.Thread(target=allocate)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps it")
def test_a_large_block_is_kept():
    pages = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True
            ).stdout
        )
        for how in ("keep", "give back")
    }
    # NumPy asks for huge pages, of which a block is 64.
    assert pages["keep"] < 0.5 * pages["give back"]
