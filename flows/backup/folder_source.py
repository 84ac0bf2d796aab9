"""A folder of exports as the place policies are captured from."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from flows._policies.protocol import SourceFailure, SourcePolicy
from flows._policies.stored import body_bytes
from flows._policies.types import UNKNOWN_TYPE
from flows._sources.folder import FolderSource
from flows.backup.capture import Capture, Selection, by_type
from flows.backup.reasons import BACKUP_FOLDER_GONE, BACKUP_POLICY_UNKNOWN
from runstore.errors import BadInputError
from runstore.reasons import ReasonedError, for_item
from runstore.runs.run import Failure


class FolderCapture:
    """A folder of exports, read once; its policies wait compressed until they are asked for."""

    def __init__(self, folder: Path) -> None:
        try:
            self._source = FolderSource(folder)
        except (BadInputError, OSError):
            raise ReasonedError(BACKUP_FOLDER_GONE.failure()) from None
        self._held: dict[str, tuple[SourcePolicy, bytes]] = {}
        self._failed: dict[str, Failure] = {}
        self._loose: list[Failure] = []
        self._is_read = False

    def select(self, policy_ids: Sequence[str] | None) -> Selection:
        """Every policy of the folder, or those named; a file that is no readable policy is a failure of everything."""
        self._read()
        types = {policy_id: policy.policy_type for policy_id, (policy, _) in self._held.items()}
        if policy_ids is None:
            types |= {policy_id: UNKNOWN_TYPE for policy_id in self._failed}
            return Selection(by_type(types), self._loose)
        return Selection(by_type({each: types.get(each, UNKNOWN_TYPE) for each in policy_ids}))

    def fetch(self, policies: Sequence[tuple[str, str]]) -> Iterator[Capture]:
        """Each policy as the folder had it when it was read."""
        self._read()
        for policy_id, _ in policies:
            held = self._held.get(policy_id)
            if held is not None:
                yield replace(held[0], body=orjson.loads(zlib.decompress(held[1])))
            else:
                unknown = BACKUP_POLICY_UNKNOWN.failure(policy_id, policy_id=policy_id)
                yield self._failed.get(policy_id, unknown)

    def cost(self) -> Mapping[str, Any]:
        """Nothing that is worth a note."""
        return {}

    def _read(self) -> None:
        if self._is_read:
            return
        self._is_read = True
        for item in self._source.read():
            if isinstance(item, SourcePolicy):
                self._held[item.policy_id] = (replace(item, body={}), zlib.compress(body_bytes(item.body), 1))
            elif item.policy_id is not None:
                self._held.pop(item.policy_id, None)
                self._failed[item.policy_id] = _renamed(item, item.policy_id)
            elif not item.no_policy:
                self._loose.append(item.failure)


def _renamed(item: SourceFailure, policy_id: str) -> Failure:
    """The failure with the policy as its item: a capture's items are policies, not files."""
    return for_item(item.failure, policy_id)
