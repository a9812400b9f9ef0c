"""Compilers that torch and the screen's driver bring, which do not go together in one process."""

import sys
from pathlib import Path

MAPS = Path("/proc/self/maps")
"""Where Linux lists the libraries of this process."""


def keep_out_triton(maps: Path = MAPS) -> None:
    """Keep triton from being loaded after a driver of the screen that draws with LLVM.

    Mesa's drivers for the CPU and for some GPUs compile with LLVM, and triton, which comes with
    torch for NVIDIA's GPUs, brings an LLVM of its own. Loading it second ends the whole process
    with a segmentation fault (seen with triton 3.8 and LLVM 15); the other order works. torch loads
    triton with the first optimizer if it can, and works without: nothing here is compiled with it.
    """
    if "triton" not in sys.modules and maps.is_file() and "/libLLVM" in maps.read_text():
        sys.modules["triton"] = None  # type: ignore[assignment]
