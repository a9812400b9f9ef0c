"""Batch norms as a part of the convolutions before them."""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def with_fused_norms(network: Network) -> Network:
    """Return a copy of a network with its batch norms multiplied into its convolutions.

    In evaluation mode a batch norm only scales and shifts each feature, which the weights of the
    convolution before it can do. The outputs stay the same up to rounding. The copy cannot be
    trained.

    Examples
    --------
    >>> layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    >>> [type(layer).__name__ for layer in with_fused_norms(layers)]
    ['Conv2d', 'Identity', 'ReLU']
    """
    fused = copy.deepcopy(network).eval()
    for block in fused.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for (name, layer), (following, norm) in pairwise(list(block.named_children())):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(block, name, fuse_conv_bn_eval(layer, norm))
                setattr(block, following, nn.Identity())
    return fused
