"""Which base model is served, as adapters must name it.

Knows where weights lie in a model folder. Does not know what is done with them.
"""

from feedback_store.publish import sha256
from feedback_store.settings import ConfigError
from server.adapters import Base
from server.config import ServerSettings
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for

WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json")
"""Of a model in several files, the index stands for the whole."""


def check_model(settings: ServerSettings) -> None:
    """Raise ConfigError if vLLM is to be started and there is no model for it."""
    folder = settings.model_folder()
    if settings.engine.managed and not (folder / "config.json").is_file():
        profile = profile_for(settings.engine.profile)
        named = profile.published or profile.name
        raise ConfigError(f"no model in {folder}; set [engine] model to the folder of {named}")


def base_of(settings: ServerSettings, profile: ModelProfile) -> Base:
    """Return what adapters must fit to; the hash is None where the weights are elsewhere."""
    folder = settings.model_folder()
    found = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
    return Base(
        name=profile.name,
        sha256=sha256(found) if found else None,
        max_rank=settings.engine.max_lora_rank or profile.lora.rank,
        targets=frozenset(profile.lora.targets),
    )
