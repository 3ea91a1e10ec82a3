"""What `hone-trainer COMMAND --help` says after the flags.

Knows commands. Does not know what they do.
"""

CODES = """\
exit codes:
  0  a new policy version was promoted
  1  an error; nothing was promoted
  2  the command line or the configuration is wrong
  3  the gate refused the new version; it stays unserved
  4  too little feedback, or too little evidence for a verdict
"""
RUN = f"""\
examples:
  hone-trainer run
  hone-trainer run --train.method sft --batch.min_items 500
  HONE_TRAINER_GATEWAY__KEY=... hone-trainer run --gateway.url http://hone.example:8765

{CODES}"""
WATCH = """\
examples:
  hone-trainer watch --watch.interval_s 7200
  hone-trainer watch --watch.cron "0 3 * * *"
  hone-trainer watch --watch.new_feedback 500

A cycle that fails is reported, and the watch goes on. Stop it with SIGTERM or Ctrl-C.
"""
ZERO = """\
examples:
  hone-trainer zero

Publishes an adapter that changes nothing (B = 0) and makes it live. It needs no gate: its answers
are the base model's. Measure `before` through it, so that both sides pay for an adapter.
"""

MINE = """\
examples:
  hone-trainer mine .
  hone-trainer mine ~/src --mine.output ~/mined

Every repository at or below PATH is read, newest mined commit onwards; run it again for what is
new. Authors' names are never stored. Then tune an adapter on it and serve it:
  DATA=~/.local/share/hone    # the data folder, unless [data] folder says otherwise
  hone-trainer sft --lora --sft.tasks $DATA/mined
  hone-trainer adopt $DATA/mined --adapter build/sft
"""
ADOPT = f"""\
examples:
  hone-trainer adopt $DATA/mined --adapter build/sft

PATH is what the gate judges by, as in `evaluate`; of mined tasks those kept for validation, which
`sft` does not train on. Anything else that the adapter was tuned on is refused. It becomes a
policy version, and is live if it passes.

{CODES}"""
EVALUATE = """\
examples:
  hone-trainer evaluate $DATA/mined
  hone-trainer evaluate $DATA/batches/000001 --adapter $DATA/adapters/hone-000002
  hone-trainer evaluate --sampler torch tasks.jsonl.gz

PATH is a mined folder, an exported batch, or a JSONL file of edit records or in Zeta's format.
Answers come through the gateway, from vLLM as it serves editors; `--sampler torch` computes them
here instead, and the result says so.
"""
PRETRAIN = """\
examples:
  hone-trainer pretrain --pretrain.tokens 20000000 --pretrain.output build/model
  hone-trainer pretrain --pretrain.corpus '["corpus.jsonl.gz"]' --pretrain.resume true

Reads the standard library of this Python (the modules reserved for the demo aside) and the
corpora that are named. Uses CUDA where there is one.
"""
SFT = """\
examples:
  hone-trainer sft --base build/model --sft.tasks '["edits/train.jsonl.gz"]'
  hone-trainer sft --lora --sft.tasks $DATA/mined

Without a base, tunes the model of [model] profile. An adapter is served by `hone-trainer adopt`.
"""
VERL = """\
examples:
  hone-trainer verl-export $DATA/batches/000001 --verl.job build/verl-job
  hone-trainer verl-import build/verl-job/checkpoints/merged/lora_adapter

The export writes Parquet files and verl's configuration, and says how to start it. verl has no
weights, so suggestions with unreliable references are left out by chance. Afterwards let verl's
model merger write the adapter; imported, it is judged and served by `hone-trainer adopt`.
"""
