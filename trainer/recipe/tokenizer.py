"""The embedded model's tokenizer: byte-level BPE that never joins what an edit may part.

Words, punctuation, blanks and line ends are cut apart before merges are learnt, so that a name is
the same tokens after a blank, a bracket or a dot: a small model copies a renamed identifier from
where it stands otherwise. Digits are single. Every marker of a prompt format is one token.

Knows the `tokenizers` library. Does not know where texts come from.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

END_OF_TEXT, PAD = "<|endoftext|>", "<|pad|>"
_PIECES = r"[\p{L}\p{M}_]+|\p{N}|\n|[^\S\n]+|[^\s\p{L}\p{M}\p{N}_]+"


def train_tokenizer(texts: Iterable[str], vocabulary: int, markers: Sequence[str]) -> Tokenizer:
    """Learn `vocabulary` tokens from `texts`, the markers and all 256 bytes among them."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(dict.fromkeys((END_OF_TEXT, PAD, *markers))),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the files that transformers and vLLM read."""
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END_OF_TEXT, pad_token=PAD)
    fast.save_pretrained(folder)
