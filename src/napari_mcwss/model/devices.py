"""Where the network runs."""

import torch

from napari_mcwss.errors import McwssError


def choose_device(name: str = "auto") -> torch.device:
    """Choose a device: CUDA, else Apple's mps, else the CPU, unless one is named.

    Raises
    ------
    McwssError
        If the named device is unknown or not there.
    """
    if name == "auto":
        name = (
            "cuda"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise McwssError(
            f"device {name!r} cannot be used ({reason}): choose auto, cpu, cuda, cuda:0 ... or mps"
        ) from error
    return device


def autocast(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where the device is faster with it."""
    enabled = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
