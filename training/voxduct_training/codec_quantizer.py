"""Residual vector quantizer: factorised 8-dimensional L2-normalised codes (DAC, arXiv 2306.06546), 4 books x 1024.

Codes start from k-means on real latents and unused codes restart on them, because a book that collapses early never
recovers. Dropping books at random while training makes every prefix of the books decodable (SoundStream).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Book(nn.Module):
    def __init__(self, width: int, size: int, code: int = 8) -> None:
        super().__init__()
        self.enter = nn.Linear(width, code)
        self.leave = nn.Linear(code, width)
        self.codes = nn.Parameter(torch.randn(size, code))
        self.register_buffer("used", torch.ones(size), persistent=False)

    def table(self) -> Tensor:
        return F.normalize(self.codes, dim=-1)

    def look_up(self, index: Tensor) -> Tensor:
        return self.leave(F.embedding(index, self.table()))

    def encode(self, x: Tensor) -> Tensor:
        # Nearest code = largest cosine: unit vectors on both sides.
        return (F.normalize(self.enter(x), dim=-1) @ self.table().T).argmax(-1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantised x with straight-through gradient, the indices, codebook + commitment loss."""
        z = F.normalize(self.enter(x), dim=-1)
        table = self.table()
        index = (z.detach() @ table.detach().T).argmax(-1)
        code = F.embedding(index, table)
        loss = (code - z.detach()).square().sum(-1).mean() + 0.25 * (z - code.detach()).square().sum(-1).mean()
        return self.leave(z + (code - z).detach()), index, loss

    @torch.no_grad()
    def start(self, x: Tensor, rounds: int = 8) -> None:
        """k-means of the projected latents [M, width]."""
        z = F.normalize(self.enter(x), dim=-1)
        codes = z[torch.randperm(len(z))[: len(self.codes)]]
        codes = F.normalize(codes + 0.02 * torch.randn_like(codes), dim=-1)
        for _ in range(rounds):
            index = (z @ codes.T).argmax(-1)
            total = torch.zeros_like(codes).index_add_(0, index, z)
            codes = torch.where(total.norm(dim=-1, keepdim=True) > 1e-3, F.normalize(total, dim=-1), codes)
        self.codes.copy_(codes)

    @torch.no_grad()
    def restart(self, x: Tensor, index: Tensor) -> int:
        """Move the codes that nothing chose for a while onto present latents; returns how many."""
        counts = torch.bincount(index.flatten(), minlength=len(self.codes)).float()
        self.used.mul_(0.99).add_(counts, alpha=0.01)
        dead = (self.used < 0.02).nonzero().flatten()
        if len(dead):
            pick = torch.randint(len(x), (len(dead),))
            self.codes[dead] = F.normalize(self.enter(x[pick]), dim=-1)
            self.used[dead] = 1.0
        return len(dead)


class Quantizer(nn.Module):
    def __init__(self, width: int, books: int = 4, size: int = 1024) -> None:
        super().__init__()
        self.books = nn.ModuleList([Book(width, size) for _ in range(books)])

    def encode(self, x: Tensor) -> Tensor:
        """[B, N, width] -> [B, books, N]."""
        found = []
        for book in self.books:
            index = book.encode(x)
            x = x - book.look_up(index)
            found.append(index)
        return torch.stack(found, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """[B, books, N] -> [B, N, width]."""
        out = self.books[0].look_up(codes[:, 0])
        for number in range(1, len(self.books)):
            out = out + self.books[number].look_up(codes[:, number])
        return out

    def forward(self, x: Tensor, keep: Tensor, restart: bool) -> tuple[Tensor, Tensor]:
        """Training pass; `keep` [B] says how many books each item may use."""
        out, loss, left = torch.zeros_like(x), x.new_zeros(()), x
        for number, book in enumerate(self.books):
            part, index, cost = book(left)
            if restart:
                book.restart(left.detach().reshape(-1, left.shape[-1]), index)
            mask = (keep > number).to(x.dtype)[:, None, None]
            out, loss, left = out + part * mask, loss + cost, left - part.detach()
        return out, loss

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        left = x.reshape(-1, x.shape[-1])
        for book in self.books:
            book.start(left)
            left = left - book.look_up(book.encode(left))
