"""A policy made ready for the snapshot store: cleaned of secrets, canonical, hashed, as bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from flows._policies.canonical import body_hash, canonical, content_declared, subtype_of
from flows._policies.json_shape import as_list, as_object
from flows._policies.protocol import SourcePolicy
from flows._policies.secrets import Fingerprint, protected, protected_path, protected_text
from flows._policies.types import BY_SLUG
from runstore.fence.reason_fields import plain_text
from runstore.fence.redaction import scrub_text

NAME_LIMIT: Final = 400


Kind = tuple[str, str]
"""A policy type and the subtype in it, empty where exports do not say one."""


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One policy in one sync: what the sync's row says; `content_hash` leads to the content. `origin` is where it was read,
    empty if that is no longer known."""

    policy_id: str
    policy_type: str
    name: str
    platform: str | None
    content_hash: bytes
    subtype: str | None = None
    origin: str = ""
    mark: str | None = None

    @property
    def kind(self) -> Kind:
        return (self.policy_type, self.subtype or "")


@dataclass(frozen=True, slots=True)
class StoredPolicy(PolicyState):
    """What the store keeps of one policy: the row of the sync, and the body that may be there already."""

    body: bytes = b""


def stored(policy: SourcePolicy, fingerprint: Fingerprint) -> StoredPolicy:
    """The policy as it is stored. Secrets are gone before anything is hashed, so no hash can be tested for them.

    Raises TooDeepError for a policy that nests deeper than any.
    """
    body = _lean(protected(policy.body, fingerprint, content_declared(policy.policy_type)))
    name = plain_text(protected_text(policy.name, fingerprint), NAME_LIMIT) or policy.policy_id
    origin = scrub_text(protected_path(policy.origin, fingerprint))
    digest = body_hash(body, canonical(policy.policy_type, body))
    return as_read(replace(policy, name=name, origin=origin, body=body), digest)


def as_read(policy: SourcePolicy, content_hash: bytes = b"") -> StoredPolicy:
    """The policy as it is, secrets and all: to be compared with another as it is written, and not to be kept."""
    kind, body = policy.policy_type, policy.body
    subtype = subtype_of(body) if kind in _SUBTYPED else None
    about = (policy.policy_id, kind, policy.name, policy.platform, content_hash)
    return StoredPolicy(*about, subtype, policy.origin, policy.mark, body_bytes(body))


def readied(one: StoredPolicy, fingerprint: Fingerprint) -> StoredPolicy:
    """What was taken `as_read` as it may be kept."""
    about = (one.policy_id, one.policy_type, one.name, one.platform)
    return stored(SourcePolicy(*about, body_of(one.body), one.origin, one.mark), fingerprint)


_SUBTYPED: Final = frozenset(slug for slug, entry in BY_SLUG.items() if entry.odata_suffixes) | {"unknown"}
"""Types whose `@odata.type` says more than the type itself."""


def _lean(body: dict[str, Any]) -> dict[str, Any]:
    """The body with expanded setting definitions cut to the names a report shows; they are the bulk of a full read."""
    settings = as_list(body.get("settings"))
    if not any("settingDefinitions" in as_object(setting) for setting in settings):
        return body
    return {**body, "settings": [_lean_setting(setting) for setting in settings]}


def _lean_setting(setting: Any) -> Any:
    found = as_object(setting)
    if "settingDefinitions" not in found:
        return setting
    definitions = [
        {
            "id": definition.get("id"),
            "displayName": definition.get("displayName"),
            "options": [
                {"itemId": option.get("itemId"), "displayName": option.get("displayName")}
                for option in map(as_object, as_list(definition.get("options")))
            ],
        }
        for definition in map(as_object, as_list(found["settingDefinitions"]))
    ]
    return {**found, "settingDefinitions": definitions}


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """The JSON bytes of a body, at any depth a policy may have."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def body_of(data: bytes) -> dict[str, Any]:
    """The body of its JSON bytes."""
    return orjson.loads(data)
