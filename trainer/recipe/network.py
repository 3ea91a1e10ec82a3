"""A fresh Qwen2 model; where there is room, with heads that copy laid in (`circuits`).

Knows shapes and weights. Does not know data or training.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from trainer.recipe import circuits
from trainer.recipe.landmarks import Landmarks

LOGIT_SCALE = 0.05
"""Weight of the final norm: embeddings are of size 1, so that neither they nor what is laid in
beside them is small against a step of the optimiser (with embeddings of 0.04 the copying heads
were gone after twenty steps), and tied logits would be too large."""


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

    @property
    def has_room(self) -> bool:
        """Whether heads can be laid in."""
        least = (circuits.LAYERS, circuits.WIDTH, circuits.HEADS, circuits.KV_HEADS)
        return self.layers >= least[0] and (self.width, self.heads, self.kv_heads) == least[1:]


def fresh_model(shape: Shape, seed: int, marks: Landmarks | None = None) -> Qwen2ForCausalLM:
    """Return a float32 model with tied embeddings; the same seed gives the same weights.

    Args:
        marks: the tokens by which laid-in heads find their way; without, none are laid in.
    """
    config = Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": circuits.ROPE_THETA},
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
        if marks is not None and shape.has_room:
            circuits.lay_in(model, marks, generator)
            circuits.keep_embeddings_in_place(model)
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
