"""The key that makes two starts identical: tenant, operation and what they would work on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from runstore.runs.operation import OperationType


def idempotency_key(tenant_id: UUID, operation: OperationType, scope: Mapping[str, Any]) -> str:
    """64 hex digits, the same for equal input on every machine and in every release: mapping order does not count.

    `scope` holds JSON values; whatever is a set in meaning must be sorted by the caller.
    """
    text = json.dumps([str(tenant_id), str(operation), scope], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
