"""The names of operations: `resource.action`, an open set. It holds no list; producers bring their own."""

import re
from dataclasses import dataclass
from typing import Self

from runstore.errors import BadInputError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, order=True)
class OperationType:
    resource: str
    action: str

    def __post_init__(self) -> None:
        for part in (self.resource, self.action):
            if not _NAME.fullmatch(part):
                raise BadInputError(
                    f"{part!r} is not an operation name: use lower-case letters, digits and _ as in 'drift.generate'."
                )

    @classmethod
    def parse(cls, text: str) -> Self:
        resource, dot, action = text.partition(".")
        if not dot:
            raise BadInputError(
                f"{text[:80]!r} is not an operation: write it as resource.action, such as 'drift.generate'."
            )
        return cls(resource, action)

    @property
    def label(self) -> str:
        """The name a person reads, by rule: `backup_set.add_policies` → `Backup set: add policies`."""
        resource = self.resource.replace("_", " ")
        return f"{resource[:1].upper()}{resource[1:]}: {self.action.replace('_', ' ')}"

    def __str__(self) -> str:
        return f"{self.resource}.{self.action}"
