"""Muon: momentum whose matrices are orthogonalised, several of one shape at a time.

Queries, keys and values are orthogonalised head by head, which is cheaper and lets heads learn at their
own pace.  The iteration runs on Gram matrices, so that a wide feed-forward matrix costs no more than a square one.
Coefficients: Polar Express (Amsel et al., 2025).  Where several processes train together, each
orthogonalises its share of the matrices and the updates are summed. Under autocast the iteration computes in bf16.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, distributed

POLAR_EXPRESS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
)


@torch.no_grad()
def orthogonalise(matrices: Tensor) -> Tensor:
    """Bring every singular value of [count, rows <= columns] near one."""
    scale = matrices.flatten(1).norm(dim=1)[:, None, None] * 1.02 + 1e-12
    if torch.is_autocast_enabled(matrices.device.type):
        return _orthogonalise_bf16((matrices / scale).bfloat16()).float()
    matrices = matrices / scale
    gram = matrices @ matrices.mT
    eye = torch.eye(gram.shape[-1], device=gram.device)
    total = None
    for number, (a, b, c) in enumerate(POLAR_EXPRESS):
        step = torch.baddbmm(a * eye + b * gram, gram, gram, alpha=c)
        total = step if total is None else step @ total
        if number + 1 < len(POLAR_EXPRESS):
            gram = step @ gram @ step
    assert total is not None
    return total @ matrices


def _orthogonalise_bf16(matrices: Tensor) -> Tensor:
    """On the matrices themselves: rounding errors of a Gram matrix in bf16 grow to singular values of thirty."""
    for a, b, c in POLAR_EXPRESS:
        gram = matrices @ matrices.mT
        matrices = torch.baddbmm(matrices, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), matrices, beta=a)
    return matrices


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay; update RMS matches AdamW's.

    `blocks` in a parameter group says into how many row blocks each matrix is cut first.
    """

    def __init__(
        self, groups: list[dict[str, object]], lr: float, momentum: float = 0.95, weight_decay: float = 0.05
    ) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "blocks": 1})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Apply one update."""
        for group in self.param_groups:
            stacks: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                buffer = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                direction = parameter.grad.lerp(buffer, group["momentum"]).flatten(1)
                stacks[tuple(direction.shape)].append((parameter, direction))  # type: ignore[index]
            for shape, pairs in stacks.items():
                self._apply(shape, pairs, group)

    @staticmethod
    def _apply(shape: tuple[int, int], pairs: list[tuple[Tensor, Tensor]], group: dict[str, object]) -> None:
        blocks, rate, decay = int(group["blocks"]), float(group["lr"]), float(group["weight_decay"])  # type: ignore[call-overload, arg-type]
        stack = torch.stack([direction for _, direction in pairs]).view(-1, shape[0] // blocks, shape[1])
        update = _shared(stack) * (0.2 * max(stack.shape[1:]) ** 0.5)
        for (parameter, _), piece in zip(pairs, update.reshape(len(pairs), *shape), strict=True):
            parameter.mul_(1 - rate * decay).add_(piece.view_as(parameter), alpha=-rate)


def _shared(stack: Tensor) -> Tensor:
    """The orthogonalised stack, each process doing every n-th matrix."""
    rank, world = (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
    mine = stack[rank::world]
    update = torch.zeros_like(stack)
    if len(mine):
        flip = stack.shape[1] > stack.shape[2]
        found = orthogonalise(mine.mT if flip else mine)
        update[rank::world] = found.mT if flip else found
    if world > 1:
        distributed.all_reduce(update)
    return update
