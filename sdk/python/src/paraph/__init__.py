"""Client of Paraph's HTTP API. Its one dependency is httpx.

    with Paraph(url, client_id, client_secret) as paraph:
        up = paraph.create_document(Source(content="order.pdf", media_type="application/pdf"), title="Order")
        paraph.wait_operation(up.operation.id)

Types of the contract are in paraph.types, keys for DPoP in paraph.keys.
"""

from ._core import Download, Made, Options, Page, Source
from ._json import NULL
from .client import AsyncParaph, Paraph, event_data
from .errors import ConnectionFailed, DigestMismatch, Fault, OperationFailed, ParaphError, Problem, TimedOut, WebhookRefused
from .webhooks import Webhooks

__all__ = [
    "NULL", "AsyncParaph", "ConnectionFailed", "DigestMismatch", "Download", "Fault", "Made", "OperationFailed", "Options", "Page", "Paraph", "ParaphError", "Problem",
    "Source", "TimedOut", "WebhookRefused", "Webhooks", "event_data",
]
