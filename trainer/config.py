"""The trainer's settings: one typed tree, every default in one place.

Knows names, defaults and bounds. Does not know where values come from (feedback_store.settings)
or what is done with them.
"""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from croniter import croniter
from pydantic import Field, model_validator

from feedback_store.settings import Section, Settings, default_data_folder
from trainer.evaluation.config import EvaluateSection
from trainer.mining.config import MineSection
from trainer.recipe.config import PretrainSection, SftSection


class Method(StrEnum):
    """How adapters are learnt: the group-relative estimators, or likelihood of the references."""

    GAPO = "gapo"
    GAPO_MEAN = "gapo_mean"
    GAPO_STD = "gapo_std"
    GAPO_CENTRED = "gapo_centred"
    MEDIAN = "median"
    GRPO = "grpo"
    DR_GRPO = "dr_grpo"
    RLOO = "rloo"
    QAE = "qae"
    MC_GRPO = "mc_grpo"
    REINFORCE = "reinforce++"
    SFT = "sft"
    GAPO_SFT = "gapo+sft"

    @property
    def compares(self) -> bool:
        """Whether it compares fresh answers; otherwise it only imitates references."""
        return self is not Method.SFT

    @property
    def estimator(self) -> str:
        """The estimator's name in `trainer.estimators`."""
        return self.value.removesuffix("+sft")


class GatewaySection(Section):
    """The gateway: it owns the batches, samples for the trainer and decides who serves."""

    url: str = "http://127.0.0.1:8765"
    """Address of the gateway."""
    socket: Path | None = None
    """Unix socket of the gateway, instead of host and port."""
    key: str = ""
    """A key with the scope `train`. Prefer the environment variable HONE_TRAINER_GATEWAY__KEY."""
    timeout_s: float = Field(default=60.0, gt=0)
    """For everything but sampling, in seconds."""
    rollout_timeout_s: float = Field(default=900.0, gt=0)
    """For one sampling request, in seconds."""


class DataSection(Section):
    """Where adapters, snapshots and run records go."""

    folder: Path = Field(default_factory=default_data_folder)
    """The gateway's data folder; if hone-server was given another (--data.folder), name it here."""


class ModelSection(Section):
    """The base model."""

    profile: str = "hone-tiny"
    """Model profile: prompt format, LoRA shape, learning rate. Also the base model's name."""
    path: Path | None = None
    """Folder of the base model's weights; by default the embedded model of the profile."""
    device: str = "auto"
    """`auto` (CUDA where there is one), `cpu` or `cuda`."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the base model; auto is bfloat16 on CUDA, as vLLM serves it there, and float32 on a CPU.
    Adapters are float32 always."""
    threads: int = Field(default=0, ge=0)
    """CPU threads for torch; 0 leaves it to torch."""


class BatchSection(Section):
    """What one training batch holds."""

    min_items: int = Field(default=300, ge=1)
    """Fewer ready suggestions than this are left to wait."""
    max_items: int = Field(default=4000, ge=1)
    """More than this are left for the next batch."""
    held_share: float = Field(default=1 / 3, ge=0, lt=1)
    """Share of the feedback, by session, that is kept from training, for the gate."""
    user_share: float = Field(default=0.5, gt=0, le=1)
    """The most of a batch that one user may fill."""
    nothing_wanted_share: float = Field(default=0.2, ge=0, lt=1)
    """The most of a batch in which nothing was wanted."""
    max_offers: int = Field(default=3, ge=1)
    """A batch from which no adapter passed is tried again up to this often."""
    replay_share: float = Field(default=0.3, ge=0, lt=1)
    """Share of training that comes from older, spent batches, where there are any."""


class TrainSection(Section):
    """The update."""

    method: Method = Method.GAPO_CENTRED
    """gapo, gapo_mean, gapo_std, gapo_centred, median, grpo, dr_grpo, rloo, qae, mc_grpo,
    reinforce++ (`trainer/estimators.py` says what each is), sft (likelihood of the references), or
    gapo+sft (gapo, and the likelihood of references that no answer came near)."""
    tau: float = Field(default=0.5, gt=0, le=1)
    """GAPO: share of a group that the densest window must hold. QAE: the quantile of a group's
    rewards that is its baseline; its paper takes 0.4."""
    min_spread: float = Field(default=0.02, ge=0)
    """Groups whose rewards lie nearer together are dropped."""
    farthest_share: float = Field(default=0.1, ge=0, le=1)
    """Groups in which no answer beat doing nothing are dropped if their reference is among this
    share of the rollout batch that is farthest from the untouched text."""
    groups: int = Field(default=16, ge=1)
    """Prompts per update."""
    updates: int = Field(default=1, ge=1, le=16)
    """Updates per rollout batch, each on `groups` prompts of its own: answers come from a policy
    that is so many updates old at most, less one."""
    refills: int = Field(default=0, ge=0, le=8)
    """Where more than half of a rollout batch's groups are dropped, the next prompts are sampled
    into it, up to this often (DAPO's dynamic sampling, bounded)."""
    samples: int = Field(default=8, ge=1, le=64)
    """Answers per prompt (G)."""
    passes: float = Field(default=1.0, gt=0)
    """Passes over the training share."""
    max_steps: int = Field(default=0, ge=0)
    """Stop after this many updates; 0 is no limit."""
    learning_rate: float = Field(default=0.0, ge=0)
    """0 takes the profile's."""
    warmup_steps: int = Field(default=2, ge=0)
    """The learning rate rises linearly over these, then stays."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""
    clip_low: float = Field(default=0.2, gt=0, lt=1)
    """How far a token's ratio may fall before it teaches no more."""
    clip_high: float = Field(default=0.28, gt=0)
    """How far it may rise; wider than down, as in DAPO. GRPO has 0.2."""
    mean: Literal["token", "answer"] = "token"
    """What counts alike: every token of an update (DAPO), or every answer (GRPO)."""
    overlong_tokens: int = Field(default=0, ge=0)
    """Over the last so many tokens that an answer can take its reward falls by up to 1 (DAPO)."""
    imitation: float = Field(default=0.1, ge=0)
    """gapo+sft: what the likelihood of references counts beside the policy loss."""
    kl_weight: float = Field(default=0.01, ge=0)
    """Pull to the weights from which the run starts."""
    micro_batch_tokens: int = Field(default=4096, ge=256)
    """Tokens computed at once, or one group if that has more: bounds memory, changes no result."""
    checkpointing: bool = False
    """Compute every layer twice and keep only its input, which takes a fraction of the memory and
    a third more time; changes no result."""
    seed: int = 0
    """Of sampling, order and initialisation."""


class RestartSection(Section):
    """When a run starts from the base model, not from the live adapter; the gate compares with
    the live adapter all the same."""

    every: int = Field(default=10, ge=0)
    """Versions whose number is a multiple of this are learnt anew; 0 never are."""
    after_refusals: int = Field(default=2, ge=0)
    """Runs refused one after the other; 0 never restarts for that."""
    replay_share: float = Field(default=0.7, ge=0, lt=1)
    """Then takes the place of [batch] replay_share."""


class GateSection(Section):
    """When a new adapter may serve."""

    margin: float = Field(default=0.05, ge=0)
    """How far below 0 the lower bound of the reward difference may lie."""
    min_items: int = Field(default=100, ge=1)
    """Held-back items needed for a verdict."""
    slice_margin: float = Field(default=0.1, ge=0)
    """How much the reward of one language or team may fall, where it surely fell."""
    slice_items: int = Field(default=20, ge=2)
    """Fewer held-back items of a language or team say nothing of it."""
    max_probe_gap: float = Field(default=0.02, gt=0)
    """Largest mean |log-prob difference| between engine and trainer, in nats per token."""
    max_kl: float = Field(default=1.0, gt=0)
    """Largest mean KL to the live policy, in nats per token."""
    max_base_kl: float = Field(default=5.0, gt=0)
    """Largest mean KL to the base model: many small steps, each near the last, lead far away."""
    max_length_ratio: float = Field(default=2.0, gt=1)
    """Largest factor between the mean answer lengths, where those exceed ten tokens."""
    max_silence_change: float = Field(default=0.25, gt=0)
    """Largest change of the share of silent answers; a policy that speaks up more than that passes
    if its reward has surely risen. A trial's policy that had learnt nothing but silence (0.73 to
    1.00) passed a band of 0.5."""


class WatchSection(Section):
    """When `hone-trainer watch` starts a cycle."""

    interval_s: float = Field(default=3600.0, gt=0)
    """Seconds between the starts of two cycles, where no cron expression is set."""
    cron: str = ""
    """A cron expression in local time, such as `0 3 * * *`; instead of the interval."""
    poll_s: float = Field(default=30.0, gt=0)
    """Seconds between two looks at the clock and at the amount of new feedback."""
    new_feedback: int = Field(default=0, ge=0)
    """Start early once this many suggestions are ready; 0 never does."""

    @model_validator(mode="after")
    def _cron_is_valid(self) -> "WatchSection":
        if self.cron and not croniter.is_valid(self.cron):
            raise ValueError(f"{self.cron!r} is no cron expression; an example: 0 3 * * *")
        return self


class AdoptSection(Section):
    """Serving an adapter that was tuned on tasks."""

    adapter: Path = Path("build/sft")
    """Folder that `hone-trainer sft --lora` wrote."""
    limit: int = Field(default=400, ge=1)
    """Judge by so many tasks at most."""


class VerlSection(Section):
    """Training in verl, on many machines."""

    job: Path = Path("build/verl-job")
    """Folder of the job: Parquet, verl's configuration, and what it was made from."""
    adapter: Path = Path("build/verl-adapter")
    """Where `verl-import` writes the adapter, for `adopt` to take."""


class ExperimentSection(Section):
    """Deliberately wrong training, to show that the gate and the measurements see it."""

    reverse_advantages: bool = False
    """Learn the opposite."""
    shuffle_rewards: bool = False
    """Shuffle rewards within each group: there is nothing left to learn."""
    reward: Literal["product", "em", "ed", "edem", "bleu", "silence"] = "product"
    """`em`, `ed`, `edem` and `bleu` are the GAPO paper's; `silence` rewards doing nothing."""
    noise: Literal["none", "uniform", "raised", "lowered", "reference", "refused"] = "none"
    """Put noise on the rewards that advantages are made of (`trainer/corruption.py` says what each
    is); those that are reported stay clean."""
    noise_share: float = Field(default=0.2, ge=0, le=1)
    """Of the answers, or of the groups, that it spoils."""
    zero_steps: bool = False
    """Take no update: the adapter equals its parent, and the gate must say so."""


class TrainerSettings(Settings):
    """Everything that `hone-trainer` can be told."""

    gateway: GatewaySection = GatewaySection()
    """The gateway."""
    data: DataSection = DataSection()
    """Where adapters, snapshots and run records go."""
    model: ModelSection = ModelSection()
    """The base model."""
    batch: BatchSection = BatchSection()
    """What one training batch holds."""
    train: TrainSection = TrainSection()
    """The update."""
    restart: RestartSection = RestartSection()
    """When a run starts from the base model."""
    gate: GateSection = GateSection()
    """When a new adapter may serve."""
    watch: WatchSection = WatchSection()
    """When `hone-trainer watch` starts a cycle."""
    mine: MineSection = MineSection()
    """Tasks from git history (`hone-trainer mine`)."""
    pretrain: PretrainSection = PretrainSection()
    """A model from scratch (`hone-trainer pretrain`)."""
    sft: SftSection = SftSection()
    """Tuning on next-edit tasks (`hone-trainer sft`)."""
    adopt: AdoptSection = AdoptSection()
    """Serving a tuned adapter (`hone-trainer adopt`)."""
    evaluate: EvaluateSection = EvaluateSection()
    """Measuring a model's next edits (`hone-trainer evaluate`)."""
    verl: VerlSection = VerlSection()
    """Training in verl (`hone-trainer verl-export`, `verl-import`)."""
    experiment: ExperimentSection = ExperimentSection()
    """Deliberately wrong training."""

    def with_replay(self, share: float) -> "TrainerSettings":
        """Return settings with another share of older feedback."""
        batch = self.batch.model_copy(update={"replay_share": share})
        return self.model_copy(update={"batch": batch})

    def model_folder(self) -> Path:
        """Return the base model's folder."""
        embedded = Path(__file__).parent.parent / "server" / "models" / self.model.profile
        return self.model.path or embedded
