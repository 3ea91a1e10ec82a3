"""The models that Hone knows, as a table: `hone-trainer models`.

Knows profiles and how they are laid out. Does not know weights.
"""

from rich.console import Console
from rich.table import Table

from server.prompts.profiles import profiles
from trainer.memory import CARDS, needs

WIDE = 170
NOTE = (
    "both: one card serves and trains at once, with engine.gpu_memory_share set so that vLLM "
    "takes what `serve` says; in turns: one at a time, or a card each. "
    "GiB are estimates from published sizes, weights in bfloat16, layers computed twice."
)


def print_wide(table: Table) -> None:
    """Print to standard output; in a pipe or a file no cell is cut."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


def models_table() -> Table:
    """Return profile, format, adapter and memory of each."""
    table = Table(caption=NOTE, caption_justify="left")
    for column in ("profile", "model", "format", "rank", "rate", "serve", "train"):
        table.add_column(column)
    for card in CARDS:
        table.add_column(f"{card} GiB")
    for profile in profiles().values():
        lora = profile.lora
        shown = [profile.published or "made by Hone", profile.format.name]
        shown += [str(lora.rank), f"{lora.learning_rate:g}"]
        if profile.size is not None:
            need = needs(profile)
            shown += [f"{need.serve:.0f} GiB", f"{need.train:.0f} GiB"]
            shown += [need.on(card) for card in CARDS]
        table.add_row(profile.name, *shown)
    return table
