"""SQS: queue URLs that name the gateway, and one thread for all changes to a queue.

ministack's request handlers change queues on the event loop while its event source mappings do so on a thread
of their own, without a common lock. Both replace the message list (`_dlq_sweep` on every poll of a queue that
has a redrive policy), so a message that arrives in between is lost. Real SQS does not lose messages, so the
mapping's reads and deletes, and deliveries from other threads, are moved onto the loop.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
import threading
from urllib.parse import urlsplit

from ministack import app as ministack_app
from ministack.services import eventbridge, sqs


def on_event_loop(function):
    """`function`, run on the server's event loop from whatever thread it is called on."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        loop = getattr(ministack_app, "_MAIN_LOOP", None)
        if loop is None or _runs_here(loop):
            return function(*args, **kwargs)
        # Account and Region are context variables: the call must see its caller's.
        context = contextvars.copy_context()
        result: concurrent.futures.Future = concurrent.futures.Future()

        def call():
            try:
                result.set_result(context.run(function, *args, **kwargs))
            except BaseException as error:  # handed to the caller, whatever it is
                result.set_exception(error)

        loop.call_soon_threadsafe(call)
        return result.result(timeout=30)

    return wrapper


def _runs_here(loop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return getattr(loop, "_thread_id", None) == threading.get_ident()


def install(gateway_url: str) -> None:
    sqs._receive_messages_for_esm = on_event_loop(sqs._receive_messages_for_esm)
    sqs._delete_messages_for_esm = on_event_loop(sqs._delete_messages_for_esm)
    eventbridge._dispatch_to_sqs = on_event_loop(eventbridge._dispatch_to_sqs)

    # A queue URL is followed by some clients as an endpoint, so it must lead to the gateway and not past it.
    where = urlsplit(gateway_url)
    sqs.DEFAULT_HOST = where.hostname or "127.0.0.1"
    sqs.DEFAULT_PORT = str(where.port or 80)
    sqs._CANONICAL_NETLOC = f"{sqs.DEFAULT_HOST}:{sqs.DEFAULT_PORT}"
