"""Feature decomposition by semantic affinity (paper, section 3.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SemanticAffinity(nn.Module):
    """Rewrite the features of each slice by those of its reference slice, and vice versa.

    The affinity of two positions is ``S = (W f1)^T f2 / sqrt(d)``. A position of the
    slice becomes the mean of the reference's features, weighted with the softmax of
    its row of S; a position of the reference likewise with its column. The other
    slice has no features for what only one slice holds, so the rewritten features
    carry what both slices share.

    Parameters
    ----------
    features : int
        Features d of the level.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Linear(features, features, bias=False)
        # The affinity starts as the plain similarity of two features.
        nn.init.eye_(self.weight.weight)

    def forward(self, slices: Tensor, references: Tensor) -> Tensor:
        """Rewrite features in both directions.

        Parameters
        ----------
        slices, references : Tensor
            Features ``(pairs, features, h, w)`` of slices and their references.

        Returns
        -------
        Tensor
            ``(2 * pairs, features, h, w)``: the rewritten slices, then the
            rewritten references.
        """
        first = slices.flatten(2).transpose(1, 2)
        second = references.flatten(2).transpose(1, 2)
        query = self.weight(first)
        rewritten = torch.cat([_attend(query, second, second), _attend(second, query, first)])
        return rewritten.transpose(1, 2).reshape(-1, *slices.shape[1:])


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    # The fused kernels need a head axis; they never store the affinity matrix.
    attended = F.scaled_dot_product_attention(
        query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
    )
    return attended.squeeze(1)
