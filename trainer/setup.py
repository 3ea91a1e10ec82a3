"""What a cycle needs before it begins: the base model, the right gateway, versions to record.

Knows how the parts are made. Does not know what is done with them.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from feedback_store import __version__
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from trainer.adapters import Origin, shelf
from trainer.config import TrainerSettings
from trainer.gateway import Gateway, GatewayError
from trainer.groups import Reader
from trainer.model import Policy, load_policy, zero_state
from trainer.progress import Display
from trainer.records import RunFolder
from trainer.sampler import Sampler
from trainer.workbench import Bench

NAMED_VERSIONS = ("torch", "transformers", "peft", "duckdb", "numpy")


def set_up(
    settings: TrainerSettings,
    profile: ModelProfile,
    sampler: Sampler,
    run: RunFolder,
    display: Display,
) -> Bench:
    """Load the base model and lay out everything that a run needs."""
    if settings.model.threads:
        torch.set_num_threads(settings.model.threads)
    policy = _policy(settings, profile)
    return Bench(
        settings=settings,
        policy=policy,
        reader=Reader(profile, policy.tokenizer, settings.experiment.reward),
        sampler=sampler,
        shelf=shelf(settings.data.folder, profile, settings.model_folder()),
        run=run,
        display=display,
    )


def _policy(settings: TrainerSettings, profile: ModelProfile) -> Policy:
    asked = settings.model
    folder = settings.model_folder()
    policy = load_policy(folder, profile, asked.device, settings.train.seed, asked.dtype)
    policy.checkpointing = settings.train.checkpointing
    return policy


def publish_zero(settings: TrainerSettings, display: Display) -> str:
    """Publish an adapter that changes nothing, make it live, and return its name."""
    profile = profile_for(settings.model.profile)
    policy = _policy(settings, profile)
    origin = Origin(run="zero", step=0, method="zero")
    with Gateway(settings.gateway) as gateway:
        check_base(gateway, profile)
        place = shelf(settings.data.folder, profile, settings.model_folder())
        name = place.publish_policy(zero_state(policy), origin, untrained=True).name
        gateway.register(name)
        gateway.promote(name)
    display.say(f"{name} is live; it answers exactly as the base model does")
    return name


def check_base(gateway: Gateway, profile: ModelProfile) -> None:
    """Raise GatewayError if the gateway serves another model than the trainer is set up for."""
    served = gateway.hello().base_model
    if served != profile.name:
        raise GatewayError(
            f"the gateway serves {served}, the trainer is set up for {profile.name}; "
            "set [model] profile"
        )


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"hone": __version__, "python": platform.python_version()}
    for name in NAMED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
