"""The nine large models at toy size: their architecture, with random weights and few of them.

Knows what distinguishes the families: heads that share keys, tied embeddings, wide heads, scaled
positions. Says nothing about how good a model is.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from server.prompts.families import families
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from trainer.recipe.tokenizer import save_tokenizer, train_tokenizer
from trainer.synthetic.files import standard_library

FAMILIES = tuple(family.name for family in families())
ARCHITECTURES = ("qwen2.5-coder-3b", "mistral-7b", "qwen3-4b", "deepseek-coder-6.7b")
"""One of each; the others differ from these in shape alone."""
VOCABULARY, LAYERS, HIDDEN, HEADS, HEAD = 512, 2, 128, 4, 32
TEXTS = 8


def make_toy(name: str, folder: Path) -> ModelProfile:
    """Write a toy of this family with a tokenizer that knows its signs; return the profile."""
    profile = profile_for(name)
    size = profile.size
    assert size is not None
    texts = (file.text for file, _ in zip(standard_library(), range(TEXTS), strict=False))
    signs = [sign for sign in (*profile.format.markers, *profile.format.stop) if sign[-1] == ">"]
    save_tokenizer(train_tokenizer(texts, VOCABULARY, signs), folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    own: dict[str, Any] = {"head_dim": 2 * HEAD} if size.architecture == "qwen3" else {}
    if size.architecture == "llama":  # DeepSeek's positions are those of Llama, four times closer
        own = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}, "rope_theta": 100_000.0}
    config = AutoConfig.for_model(
        size.architecture, vocab_size=len(tokenizer), hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=max(1, HEADS * size.kv_heads // size.heads),
        max_position_embeddings=8192, tie_word_embeddings=size.tied,
        eos_token_id=tokenizer.convert_tokens_to_ids(profile.format.stop[0]), **own,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():  # far from uniform, so that a wrong position shows
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)
    model.save_pretrained(folder)
    return profile
