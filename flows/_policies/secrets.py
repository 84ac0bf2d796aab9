"""Takes secrets out of a policy before it is stored: each is replaced by a keyed fingerprint of its value.

Two reads of one secret give the same fingerprint, another secret another one, so that a comparison still says "secret
changed"; the value itself is kept nowhere. Where Graph masks a secret or hands out a token that differs at every read,
only its presence is left.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, cast

from flows._policies.base64_text import decoded, decoded_document
from flows._policies.content import DEFAULT, TEXTS, Content
from flows._policies.settings_catalog import ENCRYPTED, HELD, STATE
from runstore.fence.credential_names import is_secret_key
from runstore.fence.opaque_words import RANDOM
from runstore.fence.redaction import redact
from runstore.fence.secret_scan import BUDGET, Look

Fingerprint = Callable[[str], str]
"""A secret → the text that stands for it: the same for the same secret in one tenant, and not to be turned back."""

PREFIX: Final = "secret:v1:"
FINGERPRINT: Final = re.compile(PREFIX + "[0-9a-f]{32}")

_HOLDS_ONE: Final = re.compile(r"(?:qrcodecontent|trustedrootcertificate|pfxblob|keystore)$", re.I)
"""Properties of policies that hold a secret and whose name is none of a credential's."""
_NAME_OF_ENTRY: Final = ("omaUri", "displayName", "appConfigKey", "key", "name", "settingDefinitionId", "definitionId")
_MAY_HOLD: Final = frozenset({"value", "appConfigKeyValue", "valueJson", "simpleSettingValue"})
_MASKS: Final = re.compile(r"[*•]+")
_TOO_SHORT: Final = 6
_HARMLESS: Final = frozenset({"", "true", "false", "notconfigured", "none", "null", "enabled", "disabled", "required"})


@dataclass(frozen=True, slots=True)
class Noting:
    """A fingerprint function that notes the word of each fingerprint: `None` where it is a secret for sure, not only opaque."""

    made: Fingerprint
    words: dict[str, str | None] = field(default_factory=dict[str, "str | None"])

    def __call__(self, secret: str) -> str:
        mark = self.made(secret)
        # A word that turns out to be a part of one is one.
        self.words.update(dict.fromkeys((mark, *FINGERPRINT.findall(secret))))
        return mark

    def opaque(self, word: str) -> str:
        """The fingerprint of a word that nothing but its letters speaks against."""
        mark = self.made(word)
        self.words.setdefault(mark, word)
        return mark


def tenant_fingerprint(key: bytes) -> Fingerprint:
    """The fingerprint function of one tenant, by its own random key: 32 hex digits of an HMAC-SHA-256."""

    def fingerprint(secret: str) -> str:
        return PREFIX + hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    return fingerprint


def presence(secret: str) -> str:
    """A fingerprint that says only that there is a secret: where two sides were read with different keys, it is all they share."""
    return PREFIX + "0" * 32


def is_secret(value: object) -> bool:
    """Whether a value only stands for a secret that is not kept."""
    return isinstance(value, str) and (value == HELD or bool(FINGERPRINT.fullmatch(value)))


def without_fingerprints(body: Mapping[str, Any]) -> dict[str, Any]:
    """A stored body with `presence` in place of every fingerprint, those inside of texts in base64 included."""
    return cast(dict[str, Any], _unmarked(body, ""))


def _unmarked(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        found = cast(dict[str, Any], value)
        return {FINGERPRINT.sub(presence(""), name): _unmarked(item, name) for name, item in found.items()}
    if isinstance(value, list):
        return [_unmarked(item, key) for item in cast(list[Any], value)]
    if not isinstance(value, str):
        return value
    text = decoded(value) if key in TEXTS else decoded_document(value) if key == "value" else value
    if PREFIX not in text:
        return value
    shown = FINGERPRINT.sub(presence(""), text)
    return shown if text is value or text == value else base64.b64encode(shown.encode()).decode()


def protected(body: Mapping[str, Any], fingerprint: Fingerprint, content: Content = DEFAULT) -> dict[str, Any]:
    """A copy of a policy in which every secret is a fingerprint; the one given stays as it is.

    A secret is what stands where the schema has one (a Wi-Fi key, a catalogue secret, an encrypted OMA value), what a
    property of a telling name holds, and whatever part of a text or script looks like a credential or reads like nothing
    a person writes. Places whose schema says what they hold (`content`) are free of the last. Twice gives the same.
    """
    # With a stack of its own: the file decides how deep a policy nests. `above` is the property that holds the node.
    result: dict[str, Any] = {}
    stack: list[tuple[Any, Any, bool, str]] = [(body, result, False, "")]
    while stack:
        node, copy, inherited, above = stack.pop()
        is_list = isinstance(copy, list)
        pairs: Any = enumerate(node) if is_list else (node if node is body else _masked(node)).items()
        for key, value in pairs:
            name: str = above if is_list else key
            secret = (
                inherited if is_list else key in _MAY_HOLD and node is not body and _is_secret(key, node, inherited)
            )
            kept: Any = value
            if isinstance(value, str):
                if secret or not content.is_known(above if key == "value" else name, value):
                    kept = _text(key, value, secret or _names_secret(key), fingerprint)
            elif isinstance(value, dict | list):
                kept = {} if isinstance(value, dict) else []
                stack.append((cast(Any, value), kept, secret, name))
            elif secret and isinstance(value, int) and abs(value) > _SMALL_NUMBER:
                kept = fingerprint(str(value))
            if is_list:
                cast(list[Any], copy).append(kept)
            else:
                # A name is text from outside as much as a value is.
                copy[key if len(key) <= _REPEATED and _is_clean(key) else protected_text(key, fingerprint)] = kept
    return result


def _is_secret(name: str, holder: Mapping[str, Any], inherited: bool) -> bool:
    """Whether what `name`, one of `_MAY_HOLD`, holds in this object is a secret: by the object's own mark, or by what the entry
    is called."""
    if name == "simpleSettingValue":
        return _names_secret(holder.get("settingDefinitionId"))
    if inherited or (name == "value" and holder.get(STATE) is not None):
        return True
    return any(entry in holder and _names_secret(holder[entry]) for entry in _NAME_OF_ENTRY)


_SMALL_NUMBER: Final = 99_999


def _masked(holder: dict[str, Any]) -> dict[str, Any]:
    """The object with what is only a mask or a token of the moment replaced by the mark of presence."""
    encrypted = "secretReferenceValueId" in holder and holder.get("isEncrypted") is True
    return {**holder, "value": HELD} if encrypted or (STATE in holder and holder[STATE] == ENCRYPTED) else holder


def _names_secret(name: object) -> bool:
    return isinstance(name, str) and name not in _NAME_OF_ENTRY and _is_telling(name)


@lru_cache(maxsize=10_000)
def _is_telling(name: str) -> bool:
    return is_secret_key(name) or _HOLDS_ONE.search(name) is not None


def _text(key: Any, value: str, secret: bool, fingerprint: Fingerprint) -> str:
    if value.startswith("secret:") and is_secret(value):
        return value
    if secret:
        if value.lower() in _HARMLESS:
            return value
        return HELD if _MASKS.fullmatch(value) else fingerprint(value)
    if len(value) < _TOO_SHORT:
        return value
    if key == "@odata.type" and (words := _TYPE_ENDS.search(value)):
        # Words of a type's name right behind a secret hide where it ends, and its own last may look like one of them.
        cuts = (*(words.start() + word.start() for word in re.finditer("[A-Z]", words[0])), len(value))
        read = [protected_text(value[:cut], fingerprint) + value[cut:] for cut in cuts]
        return max(read, key=lambda text: text.count(PREFIX))
    if key in TEXTS or key == "value":
        text = decoded(value) if key in TEXTS else decoded_document(value)
        if text != value:
            scrubbed = protected_text(text, fingerprint)
            return value if scrubbed == text else base64.b64encode(scrubbed.encode()).decode()
    return protected_text(value, fingerprint)


def protected_text(text: str, fingerprint: Fingerprint) -> str:
    """The text with every secret in it a fingerprint, however long it is."""
    if len(text) > _PIECE:
        # Line by line where there are lines: a secret does not span them, and a change stays where it is.
        return "".join(protected_text(piece, fingerprint) for piece in _PIECES.findall(text))
    if len(text) <= _REPEATED and _is_clean(text):
        return text
    whole = text
    if "\\u" in text:
        # JSON in a text may spell letters as numbers; the same letters in a name say the same.
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    opaque = fingerprint.opaque if isinstance(fingerprint, Noting) else fingerprint
    # A secret that is gone may show where another one begins or ends: until nothing is left to find.
    look = Look()
    for _ in range(_MOST_LOOKS):
        found = redact(
            text, replace=lambda kind, secret: (opaque if kind == RANDOM else fingerprint)(secret), look=look
        )
        if not found.kinds:
            # Without a hit the text stays byte for byte: scrubbing also tidies control characters, which a script may need.
            return whole
        if found.kinds == ("withheld",):
            break
        whole = text = found.text
        look.left = min(BUDGET, look.left + BUDGET // 4)
    # Too much in it to look at each: a change still has to show as one.
    return fingerprint(text)


def protected_path(path: str, fingerprint: Fingerprint) -> str:
    """The name of a file or a folder, of which each part may hold a secret of its own, with every secret a fingerprint."""
    return "/".join(protected_text(part, fingerprint) for part in protected_text(path, fingerprint).split("/"))


_ESCAPED: Final = re.compile(
    r"\\{1,4}u((?!d[89a-f])[0-9a-f]{2}[89a-f][0-9a-f]|(?!d[89a-f])[1-9a-f][0-9a-f]{3}|0[1-9a-f][0-9a-f]{2})",
    re.IGNORECASE,
)
"""A letter beyond ASCII as JSON may write it, at any depth of quoting; halves of pairs stay."""


@lru_cache(maxsize=50_000)
def _is_clean(text: str) -> bool:
    # Names of properties, definition ids and choices are the same few thousand texts in every policy.
    return "\\u" not in text and not redact(text).kinds


_REPEATED: Final = 200
_MOST_LOOKS: Final = 8
_TYPE_ENDS: Final = re.compile(r"(?<=.)(?:[A-Z][a-z]{3,20}){1,4}\Z")
_PIECE: Final = 100_000
_PIECES: Final = re.compile(rf".{{1,{_PIECE}}}(?:(?<=\n)|\Z)|.{{1,{_PIECE}}}", re.DOTALL)
