"""Attention heads that are laid into a fresh model by hand: it is born copying its prompt.

A next edit is mostly copied, token by token, from the region, and from what recent edits put in a
name's place. From a random start the heads that do so appear late (after 3.5 M tokens in a trial,
a good part of what two cores can train); laid in, the model is right about 95 % of the tokens of a
rewritten region before its first step. They are plain weights of a Qwen2 model, free to change:

    layer 0  what stood one, two, three and four tokens back
    layer 1  the same for 4-7 and 5-8 back, summed up; the line's first sign; the prompt's part
    layer 2  the same for 8-15 and 9-16 back; a clean copy of the token itself
    layer 3  the place in the region with the longest such past in common: predicts what stood there
    layer 4  what had been predicted for this place
    layer 5  where the same was predicted in an edit's new line, and something else stood there:
             predicts that instead

This takes six layers and a width of 256, of which embeddings keep to the first dimensions: the
others are room for what heads tell each other. Starting attention from structure is the idea of
mimetic initialisation (arXiv 2305.09828), copying by match that of induction heads
(arXiv 2209.11895); this structure is ours.

Knows weights and which tokens are landmarks. Does not know data or training.
"""

import math
from typing import Any, cast

import torch
from torch import Tensor

from trainer.recipe.landmarks import Landmarks

ROPE_THETA = 1e7
"""High, so that half of a head's dimensions hardly turn within a prompt and can hold a name."""
LAYERS, WIDTH, HEADS, KV_HEADS = 6, 256, 4, 2
"""The least that there is room in, and how heads must be shared."""
SIZE = WIDTH // HEADS
SHARP = 0.02
"""Pairs that turn slower do not tell neighbours apart."""
LOOK_PEAK = 8.0
"""By how much the distance that a head looks back outscores its neighbours."""
SLOW = (14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31)
"""Pairs that turn too slowly for distance to matter: names are compared in these."""
LINE_TURNS, PART_TURNS = (6, 7, 8), (9, 10, 11)
"""Pairs that prefer the nearest of lines, and of parts of the prompt."""
CODE = 8
"""Dimensions by which a token is known to those that look back at it."""
BACK_WEIGHTS = (1.4, 1.2, 1.0, 0.8, 0.8, 0.6)
"""How much a match one, two, three, four, 5-8 and 9-16 tokens back counts."""
BACK_SIZES = (6, 5, 5, 4, 7, 7)
MATCH = 2.5
"""Makes a full match score about 40 nats. At 6 it was 250, and a wrong match got no gradient."""
COPY, CORRECT = 5.0, 8.0
"""Larger corrections would find more of what changed (25 of 44), and spoil what did not."""
CORRECT_MATCH, NEW_LINE, NOWHERE = 3.0, 160.0, 60.0
IN_REGION, SUFFIX_IS_REGION = 14.0, 0.2
MARKER_SIZE, START_SIZE, END_SIZE = 6.0, 3.0, 1.2


class _Room:
    """The hidden state, given out: who writes where."""

    def __init__(self) -> None:
        self._eye, self._taken = torch.eye(WIDTH), 0
        self.token = self.take(88)
        self.back = [self.take(CODE) for _ in range(4)]
        self.four_here, self.four_there = self.take(14), self.take(14)
        self.eight_here, self.eight_there = self.take(14), self.take(14)
        self.line, self.part = self.take(6), self.take(2)
        self.clean, self.predicted = self.take(48), self.take(24)

    def take(self, amount: int) -> Tensor:
        """Return the next unit vectors, (amount, WIDTH)."""
        first, self._taken = self._taken, self._taken + amount
        return self._eye[first : self._taken]


def lay_in(model: Any, marks: Landmarks, generator: torch.Generator) -> None:
    """Write the heads into `model`, a quiet Qwen2 model of at least this shape. Call in no_grad."""
    _Drafter(model, marks, generator).draw()


def keep_embeddings_in_place(model: Any) -> None:
    """Train embeddings in their own dimensions only, or they would talk over the heads."""
    own = torch.zeros(WIDTH)
    own[: len(_Room().token)] = 1.0
    weight = model.model.embed_tokens.weight
    weight.register_hook(lambda gradient: gradient * own.to(gradient.device))


def are_laid_in(model: Any) -> bool:
    """Whether a model keeps its embeddings in their own dimensions, as laid-in heads want it."""
    weight = model.model.embed_tokens.weight
    return weight.shape[1] == WIDTH and not bool(weight[:, len(_Room().token) :].any())


class _Drafter:
    """Writes one layer's heads after the other."""

    def __init__(self, model: Any, marks: Landmarks, generator: torch.Generator) -> None:
        self._marks, self._generator, self._room = marks, generator, _Room()
        self._embeddings: Tensor = model.model.embed_tokens.weight
        self._attention = [cast(Any, layer).self_attn for layer in model.model.layers]
        self._turns = ROPE_THETA ** (-torch.arange(SIZE // 2) / (SIZE // 2))
        """Angle per token of each pair of a head's dimensions."""
        token = self._room.token
        self._read = self._mixed(CODE, len(token)) @ token
        self._read[:, len(token) - 1] = 0
        order = torch.tensor([pair + half for half in (0, SIZE // 2) for pair in SLOW])
        self._slow = order[torch.randperm(len(order), generator=generator)]

    def draw(self) -> None:
        """Write all of them."""
        self._embed()
        self._look_back()
        self._look_further()
        self._copy()
        self._correct()

    def _embed(self) -> None:
        room, marks, embeddings = self._room, self._marks, self._embeddings
        own = len(room.token)
        embeddings[:, own:] = 0
        embeddings[:, :own] *= math.sqrt(WIDTH / own)
        # A product of two codes is largest where they are equal only if all are equally long.
        codes = embeddings @ self._read.T
        length = math.sqrt(WIDTH * CODE / own)
        embeddings += (codes * (length / codes.norm(dim=1, keepdim=True) - 1)) @ self._read
        if marks.rewrites:
            # The answer begins like the region and ends where the region does: so alike are the
            # tokens that stand there.
            start = embeddings[marks.region].clone()
            seen = self._read.T @ (self._read @ start)
            start = START_SIZE * seen + (start - seen)
            embeddings[[marks.region, marks.answer]] = start * math.sqrt(WIDTH) / start.norm()
            embeddings[marks.end] = END_SIZE * embeddings[marks.suffix]
        embeddings[:, own - 1] = 0
        embeddings[list(marks.markers), own - 1] = MARKER_SIZE

    def _look_back(self) -> None:
        for head, written in enumerate(self._room.back):
            self._look(0, head, head + 1)
            self._write(0, head, self._read, written)

    def _look_further(self) -> None:
        room, back = self._room, torch.cat(self._room.back)
        fours = torch.cat([self._mixed(CODE, 14) for _ in range(4)])
        eights = torch.cat([*(self._mixed(CODE, 14) for _ in range(4)), self._mixed(14, 14)])
        both = torch.cat([back, room.four_there])
        for head, shift, four, eight in (
            (0, 0, room.four_there, room.eight_there),
            (1, 1, room.four_here, room.eight_here),
        ):
            self._look(1, head, 4 - shift)
            self._write(1, head, back, fours @ four)
            self._look(2, head, 8 - shift)
            self._write(2, head, both, eights @ eight)
        self._look(2, 2, 0)
        self._write(2, 2, room.token[:SIZE], self._mixed(SIZE, len(room.clean)) @ room.clean)
        self._parts()

    def _parts(self) -> None:
        """Tell every token of which kind its line is, and whether it is in the region."""
        room, marks, attention = self._room, self._marks, self._attention[1]
        attention.k_proj.weight[SIZE:] *= 0.02
        attention.q_proj.weight[2 * SIZE :] *= 0.02
        after_newline = _unit(self._read @ self._embeddings[marks.newline]) @ room.back[0]
        for turns, head, seen, strength in (
            (LINE_TURNS, 2, after_newline, 40.0),
            (PART_TURNS, 3, room.token[-1], 33.0),
        ):
            for pair in turns:
                attention.k_proj.weight[SIZE + pair] = seen
                attention.q_proj.bias[head * SIZE + pair] = strength
        shown = room.token[:SIZE]
        self._plus = self._mixed(len(room.line), SIZE)
        self._write(1, 2, shown, self._plus.T @ room.line)
        in_region = _unit(self._embeddings[marks.region, :SIZE])
        self._write(1, 3, shown, 0.3 * in_region[:, None] @ room.part[:1])

    def _copy(self) -> None:
        room, attention = self._room, self._attention[3]
        here = [self._read, *room.back[:3], room.four_here, room.eight_here]
        there = [*room.back, room.four_there, room.eight_there]
        suffix = _unit(self._embeddings[self._marks.suffix]) * SUFFIX_IS_REGION
        for group, half in enumerate(room.token.chunk(KV_HEADS)):
            head = 2 * group
            self._hush(3, group)
            parts = self._slow[: sum(BACK_SIZES)].split(BACK_SIZES)
            for ours, theirs, weight, dims in zip(here, there, BACK_WEIGHTS, parts, strict=True):
                mixed = weight * MATCH * self._mixed(len(dims), len(ours))
                attention.q_proj.weight[head * SIZE + dims] = mixed @ ours
                attention.k_proj.weight[group * SIZE + dims] = mixed @ theirs
            self._prefer(3, group, 0, room.part[0] + suffix, IN_REGION)
            self._write(3, head, half, COPY * half)

    def _correct(self) -> None:
        room, marks, attention = self._room, self._marks, self._attention[5]
        code = self._mixed(len(room.predicted), len(room.token))
        self._look(4, 0, 1)
        self._write(4, 0, code @ room.token, room.predicted)
        new_line = _unit(self._plus @ self._embeddings[marks.plus, :SIZE]) @ room.line
        self._hush(5, 0)
        dims = self._slow[: len(code)]
        attention.q_proj.weight[dims] = CORRECT_MATCH * code @ room.token
        attention.k_proj.weight[dims] = CORRECT_MATCH * room.predicted
        self._prefer(5, 0, 0, new_line, NEW_LINE)
        # From a token to its clean copy; transposed, the way back.
        decode = self._attention[2].o_proj.weight[:, 2 * SIZE : 3 * SIZE] @ room.token[:SIZE]
        # Nowhere is the first token, which must not be predicted for it.
        nowhere = _unit(decode @ self._embeddings[marks.first])
        self._prefer(5, 0, 1, nowhere, NOWHERE)
        seen = room.clean - torch.outer(room.clean @ nowhere, nowhere)
        self._write(5, 0, seen, CORRECT * (room.clean @ decode))

    def _look(self, layer: int, head: int, distance: int) -> None:
        """Make `head` look `distance` tokens back, whatever they are.

        A query bias turned by -distance and an unturned key bias have their largest product where
        RoPE has turned the key by exactly that much less.
        """
        attention, group = self._attention[layer], head // (HEADS // KV_HEADS)
        sharp = self._turns > SHARP
        width = float((1 - self._turns[sharp].cos()).sum())
        amplitude = math.sqrt(LOOK_PEAK * math.sqrt(SIZE) / width) * sharp
        angle = -distance * self._turns
        rows, keys = _rows(head), _rows(group)
        attention.q_proj.weight[rows] *= 0.02
        attention.k_proj.weight[keys] *= 0.02
        attention.q_proj.bias[rows] = torch.cat([amplitude * angle.cos(), amplitude * angle.sin()])
        attention.k_proj.bias[keys] = torch.cat([amplitude, torch.zeros_like(amplitude)])

    def _write(self, layer: int, head: int, seen: Tensor, written: Tensor) -> None:
        """Let `head` read `seen` (n, WIDTH) where it looks, and write `written` (n, WIDTH)."""
        attention, group = self._attention[layer], head // (HEADS // KV_HEADS)
        attention.v_proj.weight[_rows(group)] = 0
        attention.v_proj.weight[group * SIZE : group * SIZE + len(seen)] = seen
        attention.o_proj.weight[:, _rows(head)] = 0
        attention.o_proj.weight[:, head * SIZE : head * SIZE + len(seen)] = written.T

    def _hush(self, layer: int, group: int) -> None:
        attention = self._attention[layer]
        attention.k_proj.weight[_rows(group)] *= 0.02
        attention.q_proj.weight[2 * group * SIZE : 2 * (group + 1) * SIZE] *= 0.02

    def _prefer(self, layer: int, group: int, place: int, seen: Tensor, strength: float) -> None:
        """Make the group's first head prefer where `seen` (WIDTH) is; `place` is one of two."""
        dim = int(self._slow[-1 - place])
        self._attention[layer].k_proj.weight[group * SIZE + dim] = seen
        self._attention[layer].q_proj.bias[2 * group * SIZE + dim] = strength

    def _mixed(self, rows: int, columns: int) -> Tensor:
        """Return a random matrix whose rows, or columns if they are fewer, are orthonormal."""
        tall = torch.randn(max(rows, columns), min(rows, columns), generator=self._generator)
        orthonormal = torch.linalg.qr(tall)[0]
        return (orthonormal.T if rows <= columns else orthonormal).contiguous()


def _rows(number: int) -> slice:
    return slice(number * SIZE, (number + 1) * SIZE)


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()
