"""A fresh Qwen2 model, whose first layers are born knowing how to copy.

A next edit is mostly copied: from the region, and from what recent edits put in a name's place.
Transformers learn that from induction heads, which appear abruptly and late (after 3.5 M tokens in
a trial from a random start, a tenth of what two cores can train in an hour). So they are laid in
at the start, as plain weights of the architecture, free to change: two heads of the first layer
look one and two tokens back (biases of queries and keys and RoPE make a head that looks at a
distance), and heads of the second look for the place whose one or two predecessors are the
present tokens and predict what stood there. Starting attention from structure is the idea of
mimetic initialisation (arXiv 2305.09828); this structure is ours.

Knows shapes and weights. Does not know data or training.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM

ROPE_THETA = 1e6
"""High, so that half of a head's dimensions hardly turn within a prompt and can hold a name."""
LOGIT_SCALE = 0.04
"""Weight of the final norm: embeddings are of size 1, so that neither they nor what is laid in
beside them is small against a step of the optimiser (with embeddings of 0.04 the copying heads
were gone after twenty steps), and tied logits would be too large."""
LOOK_BACK_PEAK = 6.0
"""By how much the distance that a look-back head is born to look at outscores its neighbours."""
MATCH_SCALE = 3.0
COPY_SCALE = 6.0


@dataclass(frozen=True)
class Shape:
    """What a model is made of."""

    vocabulary: int = 4096
    layers: int = 6
    width: int = 256
    heads: int = 4
    kv_heads: int = 2
    mlp: int = 512
    context: int = 2048


def fresh_model(shape: Shape, seed: int, *, induction: bool = True) -> Qwen2ForCausalLM:
    """Return a float32 model with tied embeddings; the same seed gives the same weights."""
    config = Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        tie_word_embeddings=True,
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0, 1.0, generator=generator)
        model.model.norm.weight.fill_(LOGIT_SCALE)
        for layer in model.model.layers:
            _quiet(cast(nn.Module, layer), generator, shape)
        if induction and shape.layers >= 2:
            _lay_in_induction(model, shape, generator)
    return model


def _quiet(layer: nn.Module, generator: torch.Generator, shape: Shape) -> None:
    """Start every layer as nearly nothing: what it adds to the residual is small."""
    for name, parameter in layer.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif parameter.dim() == 2:
            inward = name.startswith(("self_attn.o_proj", "mlp.down_proj"))
            std = 1 / math.sqrt(parameter.shape[1])
            parameter.normal_(0, std * (0.02 if inward else 1.0), generator=generator)


def _lay_in_induction(model: Qwen2ForCausalLM, shape: Shape, generator: torch.Generator) -> None:
    size = shape.width // shape.heads
    read, one_back, two_back = (_orthonormal(size, shape.width, generator) for _ in range(3))
    layers = cast(Any, model.model.layers)
    first, second = layers[0].self_attn, layers[1].self_attn
    frequencies = ROPE_THETA ** (-torch.arange(size // 2) / (size // 2))
    first.v_proj.weight[:size] = read
    for head, written in enumerate((one_back, two_back)):
        _look_back(first, head, head + 1, frequencies, size)
        first.o_proj.weight[:, head * size : (head + 1) * size] = written.T
    for group in range(shape.kv_heads):
        head = group * (shape.heads // shape.kv_heads)
        last, last_two = [(read, one_back)], [(read, one_back), (one_back, two_back)]
        _match(second, head, group, last_two if group else last, size)
        copied = _orthonormal(size, shape.width, generator)
        second.v_proj.weight[group * size : (group + 1) * size] = copied
        second.o_proj.weight[:, head * size : (head + 1) * size] = COPY_SCALE * copied.T


def _look_back(attention: nn.Module, head: int, distance: int, turns: Tensor, size: int) -> None:
    """Make `head` (of the first key-value group) look `distance` tokens back, whatever they are.

    A query bias turned by -distance and an unturned key bias have their largest product where
    RoPE has turned the key by exactly that much less.
    """
    sharp = turns > 0.02  # slower ones do not tell neighbours apart
    strength = math.sqrt(LOOK_BACK_PEAK * math.sqrt(size) / float((1 - turns[sharp].cos()).sum()))
    amplitude = strength * sharp
    q, k = cast(nn.Linear, attention.q_proj), cast(nn.Linear, attention.k_proj)
    rows = slice(head * size, (head + 1) * size)
    q.weight[rows] *= 0.02
    k.weight[:size] *= 0.02
    angle = -distance * turns
    q.bias[rows] = torch.cat([amplitude * angle.cos(), amplitude * angle.sin()])
    k.bias[:size] = torch.cat([amplitude, torch.zeros_like(amplitude)])


def _match(
    attention: nn.Module,
    head: int,
    group: int,
    maps: list[tuple[Tensor, Tensor]],
    size: int,
) -> None:
    """Make `head` score a place by how well what came before it is what has just been read.

    `maps` are pairs: what the present place holds, what the other place must hold. Only the
    dimensions that RoPE turns slowly take part, so that distance does not matter.
    """
    slow = torch.cat([torch.arange(size // 4, size // 2) + half for half in (0, size // 2)])
    q, k = cast(nn.Linear, attention.q_proj), cast(nn.Linear, attention.k_proj)
    q.weight[head * size : (head + 1) * size] *= 0.05
    k.weight[group * size : (group + 1) * size] *= 0.05
    for (here, there), part in zip(maps, slow.chunk(len(maps)), strict=True):
        q.weight[head * size + part] = MATCH_SCALE * here[: len(part)]
        k.weight[group * size + part] = MATCH_SCALE * there[: len(part)]


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    return torch.linalg.qr(torch.randn(columns, rows, generator=generator))[0].T.contiguous()
