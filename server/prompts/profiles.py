"""Model profiles: which prompt format, budget and LoRA settings belong to which model.

Knows facts about models. Does not know where their weights are.
"""

from dataclasses import replace

from server.prompts.base import Budget
from server.prompts.choice import ChoiceFormat
from server.prompts.families import family_profiles
from server.prompts.profile import LoraProfile, ModelProfile
from server.prompts.region import RegionFormat
from server.prompts.span import SpanFormat


def profiles() -> dict[str, ModelProfile]:
    """Return the known profiles by name."""
    shipped = ModelProfile(
        name="hone-tiny",
        format=ChoiceFormat(around=6),
        budget=Budget(prompt_tokens=1400, answer_tokens=400),
        lora=LoraProfile(learning_rate=2e-3),
        region_lines=10,
        prefix_lines=6,
        suffix_lines=3,
        recent_edits=4,
        silence_value=0.1,
        longest_answer=2,  # a choice among guesses
        silence_weight=0.1,
        idle_share=0.25,
    )
    compared = {
        "hone-tiny-region": RegionFormat(4, elsewhere=True),
        "hone-tiny-span": SpanFormat(),
    }
    known = [shipped] + [
        replace(
            shipped,
            name=name,
            format=shape,
            longest_answer=400,
            silence_weight=0.35,
            idle_share=1.0,
            region_lines=20,
            prefix_lines=12,
            suffix_lines=6,
        )
        for name, shape in compared.items()
    ]
    return {profile.name: profile for profile in (*known, *family_profiles())}


def profile_for(name: str) -> ModelProfile:
    """Return the profile called `name`.

    Raises:
        KeyError: no such profile; the message lists the known ones.
    """
    known = profiles()
    if name not in known:
        raise KeyError(f"no model profile {name!r}; known: {', '.join(sorted(known))}")
    return known[name]
