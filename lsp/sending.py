"""One spool's events on their way to the gateway, in order.

Knows batches, acknowledgements and refusals. Does not know when to send.
"""

import asyncio
import logging
from collections.abc import Callable

from feedback_store.events import FeedbackBatch
from lsp.gateway import Gateway, Refused
from lsp.spool import Spool
from lsp.unkept import Unkept

log = logging.getLogger(__name__)


async def send_all(gateway: Gateway, spool: Spool | Unkept, taken: Callable[[int], None]) -> bool:
    """Send everything that waits; False as soon as the gateway does not take it. `taken` is told
    how many events it took each time. Raises OSError."""
    while batch := spool.batch():
        if not await _send(gateway, spool, batch, taken):
            return False
    return True


async def _send(
    gateway: Gateway, spool: Spool | Unkept, batch: FeedbackBatch, taken: Callable[[int], None]
) -> bool:
    answer = await gateway.feedback(batch)
    if isinstance(answer, Refused):
        if len(batch.events) > 1:
            # One of them is the culprit; the others shall not wait for it.
            single = spool.batch(1)
            return single is not None and await _send(gateway, spool, single, taken)
        log.error("the gateway cannot read an event: %s", answer.detail)
        spool.set_aside(batch)
        done = 1
    else:
        done = 0 if answer is None else spool.acknowledge(batch, answer.high_water)
        taken(done)
    if done:
        await asyncio.to_thread(spool.tidy)
    return done > 0
