"""The base model with one LoRA adapter on it: load, save, compare, swap weights in and out.

Knows transformers, PEFT and the adapter's files. Does not know how an adapter is learnt or
served. Adapters are float32, and only `adapter_model.safetensors` and `adapter_config.json` are
written, in the form that vLLM reads.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from server.prompts.profile import LoraProfile, ModelProfile
from trainer.checkpointing import checkpointed
from trainer.fused_lora import fuse

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
AdapterState = dict[str, Tensor]
"""PEFT's names to float32 tensors on the CPU."""


class BadAdapter(Exception):
    """An adapter that does not fit this base; the message says what differs."""


@dataclass
class Policy:
    """A frozen base model with the one adapter that is trained or looked at."""

    model: PeftModel
    tokenizer: Any
    profile: ModelProfile
    device: torch.device
    checkpointing: bool = False
    """Whether gradients are made of layers that are computed twice, which saves memory."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the base model's weights; the adapter is float32 always."""
        return self.head.weight.dtype

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute as this policy is to, for the length of the block: precision and memory."""
        with ExitStack() as stack:
            if self.dtype != torch.float32:
                stack.enter_context(torch.autocast(self.device.type, self.dtype))
            if self.checkpointing:
                stack.enter_context(checkpointed(self.backbone))
            yield

    @property
    def backbone(self) -> nn.Module:
        """The transformer without its head; its output is the last hidden state."""
        return cast(nn.Module, self.model.get_base_model().model)

    @property
    def head(self) -> nn.Linear:
        """The language-model head, frozen."""
        return cast(nn.Linear, self.model.get_base_model().lm_head)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The token ids at which an answer ends."""
        return tuple(self.tokenizer.convert_tokens_to_ids(list(self.profile.format.stop)))

    def trainable(self) -> list[tuple[str, nn.Parameter]]:
        """Return the adapter's parameters in PEFT's order."""
        return [
            (name, parameter)
            for name, parameter in self.model.named_parameters()
            if ".lora_A." in name or ".lora_B." in name
        ]

    def state(self) -> AdapterState:
        """Return a copy of the adapter's weights under the names that its file uses."""
        return {
            _file_name(name): parameter.detach().to("cpu", torch.float32).clone().contiguous()
            for name, parameter in self.trainable()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Overwrite the adapter's weights.

        Raises:
            BadAdapter: names or shapes differ from this adapter's.
        """
        own = {_file_name(name): parameter for name, parameter in self.trainable()}
        if own.keys() != state.keys():
            odd = sorted(own.keys() ^ state.keys())[0]
            raise BadAdapter(f"the adapter's tensors are not this base's; the first is {odd}")
        with torch.no_grad():
            for name, parameter in own.items():
                if parameter.shape != state[name].shape:
                    raise BadAdapter(
                        f"{name} is {tuple(state[name].shape)}, wanted {tuple(parameter.shape)}"
                    )
                parameter.copy_(state[name])

    @contextmanager
    def holding(self, state: Mapping[str, Tensor]) -> Iterator[None]:
        """Compute without gradient under another adapter's weights, then restore these.

        Far cheaper than a second model: an adapter is a hundredth of its base.
        """
        own = self.state()
        self.load_state(state)
        try:
            with torch.no_grad():
                yield
        finally:
            self.load_state(own)


def load_policy(
    folder: Path, profile: ModelProfile, device: str = "auto", seed: int = 0, dtype: str = "float32"
) -> Policy:
    """Load the base from `folder`, with a fresh float32 adapter (B = 0) of `profile`'s shape.

    `dtype` is the base's: `float32`, `bfloat16` (computed under autocast), or `auto`.
    """
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"no model in {folder}; set [model] path to the base's folder")
    where = device_for(device)
    disable_progress_bar()  # its bar for half a second of loading would stand in every log
    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype_for(dtype, where), attn_implementation="sdpa", local_files_only=True
    )
    base.config.use_cache = True
    base.requires_grad_(False)
    lora = LoraConfig(
        r=profile.lora.rank,
        lora_alpha=profile.lora.alpha,
        lora_dropout=0.0,
        target_modules=list(profile.lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, lora, autocast_adapter_dtype=True).to(where)
    fuse(model)
    model.eval()  # no dropout anywhere; gradients do not need train()
    return Policy(model, load_tokenizer(folder), profile, where)


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model in a folder.

    A Mistral model would be looked at for mistral-common's own format, whose import needs an LGPL
    package that the CPU set-up leaves out; having this option said, transformers does not look.
    """
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, fix_mistral_regex=False)


def write_adapter(state: Mapping[str, Tensor], profile: ModelProfile, folder: Path) -> None:
    """Write the two files that PEFT and vLLM read, into an existing folder."""
    tensors = {name: tensor.to(torch.float32).contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    text = json.dumps(_config(profile.lora, profile.name), indent=2, sort_keys=True)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")


def read_adapter(folder: Path) -> AdapterState:
    """Return the weights in a published adapter folder."""
    return load_file(folder / WEIGHTS)


def zero_state(policy: Policy) -> AdapterState:
    """Return the weights of an adapter that changes nothing: A as initialised, B = 0."""
    return {
        name: torch.zeros_like(tensor) if ".lora_B." in name else tensor
        for name, tensor in policy.state().items()
    }


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two adapters hold the same numbers under the same names."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def largest_norm(state: Mapping[str, Tensor]) -> float:
    """Return the largest Frobenius norm among the tensors; NaN if a tensor holds one."""
    norms = torch.stack([tensor.double().norm() for tensor in state.values()])
    return float("nan") if norms.isnan().any() else float(norms.max())


def device_for(wanted: str) -> torch.device:
    """Return the device called `wanted`; `auto` is CUDA where there is one."""
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if wanted == "auto" else wanted)


def dtype_for(wanted: str, device: torch.device) -> torch.dtype:
    """Return the dtype called `wanted`; `auto` is bfloat16 on CUDA, where vLLM serves in it too."""
    if wanted == "auto":
        wanted = "bfloat16" if device.type == "cuda" else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]


def _config(lora: LoraProfile, base: str) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "target_modules": list(lora.targets),
        "bias": "none",
        "modules_to_save": None,
        "inference_mode": True,
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": False,
    }


def _file_name(parameter: str) -> str:
    """PEFT leaves the adapter's own name out of the file's tensor names."""
    return parameter.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.")
