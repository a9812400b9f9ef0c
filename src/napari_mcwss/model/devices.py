"""The devices that networks run on."""

import os
import sys
from functools import cache
from typing import NamedTuple

import torch
from torch import nn
from torch.torch_version import TorchVersion

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device, or with "auto" the best one: CUDA, else Apple's mps, else the CPU.

    Raises
    ------
    McwssError
        If the named device is unknown or not available.
    """
    if name == "auto":
        mps_or_cpu = "mps" if torch.backends.mps.is_available() else "cpu"
        name = "cuda" if torch.cuda.is_available() else mps_or_cpu
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise McwssError(
            f"device {name!r} cannot be used ({reason}): choose auto, cpu, cuda, cuda:0 ... or mps"
        ) from error
    return device


class Device(NamedTuple):
    """A device of this machine: its name for `choose_device`, and a description for users."""

    name: str
    text: str


def list_devices() -> list[Device]:
    """List the devices of this machine that torch can use, the CPU first."""
    found = [Device("cpu", f"CPU, {os.cpu_count()} cores")]
    found += [
        Device(f"cuda:{index}", torch.cuda.get_device_name(index))
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU"))
    return found


def missing_devices() -> list[str]:
    """Return one line for each kind of device that users may expect but torch cannot use."""
    reasons = []
    if not torch.cuda.is_available():
        if built := torch.version.cuda or torch.version.hip:
            why = f"this torch, built for CUDA {built}, finds no GPU or no usable driver"
        else:
            why = f"this torch ({torch.__version__}) is a CPU build"
        reasons.append(f"no CUDA: {why}")
    if sys.platform == "darwin" and not torch.backends.mps.is_available():
        too_old = torch.backends.mps.is_built()
        why = "the processor or system of this Mac is too old" if too_old else "not in this torch"
        reasons.append(f"no mps: {why}")
    return reasons


def describe_device(device: torch.device) -> str:
    """Describe a device for a record, such as ``cuda:0 (NVIDIA H100)`` or ``cpu (4 threads)``."""
    match device.type:
        case "cuda":
            return f"{device} ({torch.cuda.get_device_name(device)})"
        case "cpu":
            return f"{device} ({counted(torch.get_num_threads(), 'thread')})"
    return str(device)


def autocast(device: torch.device, network: nn.Module) -> torch.autocast:
    """Return a context in which a network computes in bfloat16, if that is faster and right.

    Processors compute only some convolutions right in bfloat16: with torch 2.13 and AVX-512 BF16,
    gradients of those in 3-D, with strides or with dilations were found to depend on memory that
    was never written. Networks that have other layers than those that were checked, see
    ``tests/model/test_devices.py``, compute in float32 there.
    """
    if device.type == "cpu":
        fast = _cpu_is_right_in_bfloat16() and all(map(_was_checked, network.modules()))
    else:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


@cache
def _cpu_is_right_in_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16 whose results were checked."""
    if TorchVersion(torch.__version__) < "2.13":
        return False
    capabilities = torch.cpu.get_capabilities()
    # With AMX, torch takes other routines, some of which are wrong, too:
    # https://github.com/pytorch/pytorch/issues/169688
    return capabilities.get("avx512_bf16", False) and not capabilities.get("amx_bf16", False)


def _was_checked(layer: nn.Module) -> bool:
    """Return whether processors compute a layer and its gradients right in bfloat16."""
    match layer:
        case nn.Conv2d():
            plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
            return plain and layer.kernel_size in ((1, 1), (3, 3))
        case nn.ConvTranspose2d():
            plain = layer.stride == layer.kernel_size == (2, 2) and layer.groups == 1
            return plain and layer.dilation == (1, 1)
        case nn.Conv1d() | nn.Conv3d() | nn.ConvTranspose1d() | nn.ConvTranspose3d():
            return False
    return True
