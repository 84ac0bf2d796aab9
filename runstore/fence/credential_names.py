"""Names that say that a credential follows, what may stand between name and value, and what a value must look like."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from runstore.fence.letter_costs import score
from runstore.fence.shaped_words import THINGS

Judge = Callable[[bytes], bool]

_ANCHORS: Final = (
    "pass pw kennwort mdp secret token credential key psk auth conn sharedaccesssignature session otp pin puk hmac challenge"
    " schl geheim zugangs code código codigo seed cookie community losung parole anmeldedaten anmeldeinformation"
    " verbindungszeichenfolge jeton clé cle secrète identifiants contrase clave llave credencial conexi パスワード キー 鍵"
    " シークレット 秘密 トークン 資格情報 暗証番号 接続文字列 パスフレーズ チャレンジ 合言葉 認証コード ピン"
)
KEY_ANCHORS: Final = tuple(_ANCHORS.encode().split())
"""Parts of such names, in small letters: where none is, no name is looked for."""

# `key` alone says nothing (registry key, key vault): only after one of these does it name a credential.
_KEY_QUALIFIERS: Final = tuple(
    b"api access account shared preshared pre-shared secret private encryption encrypt master signing storage"
    b" subscription primary secondary service auth license licence product recovery ssh aws azure security client app"
    b" application functions function host sas wifi wi-fi wep wpa network device registration enrol enrollment admin"
    b" root deploy write read ingest instrumentation integration server session cookie jwt hmac aes rsa fernet vault"
    b" vpn activation backup decryption bootstrap machine hub routing user personal isakmp".split()
)
_NO_KEYS: Final = (b"public", b"registry", b"mon", b"tur", b"don", b"hot", b"soft", b"hoc", b"joc", b"whis", b"foreign")


def _behind(words: str, last: str) -> str:
    # The last word first: at most places that ends the search.
    return f"{last}(?:{'|'.join(f'(?<={word}{last})|(?<={word}[ _-]{last})' for word in words.split())})"


# What says in French and Spanish which key or token it is, behind the word: clave de red, clé partagée, jeton d'accès.
_WHICH: Final = (
    r"[ _-]?(?:d(?:el?|u|')?[ _-]?(?:la[ _-]?|l')?(?:red|r(?:é|e)seau|cifrado|chiffrement|seguridad"
    r"|s(?:é|e)curit(?:é|e)|servicio|service|usuario|utilisateur|sesi(?:ó|o)n|session|licen[a-z]{2,4})"
    r"|(?:d['e]?[ _-]?)?(?:acceso|acc(?:è|e)s|wi-?fi|api|admin[a-z]{0,12}|priv(?:ad[ao]|(?:é|e)e?)|compartid[ao]"
    r"|partag(?:é|e)e?|secr(?:è|e)te?|secret[ao]|maestra|ma(?:î|i)tre))"
)
_WHAT: Final = (
    r"[ _-]?(?:value|text|phrase|material|plain|clear|base64|b64|data|hash|aes|enc|private|base|prod|live|primary|secondary"
    r"|old|new|wlan|vpn|test|dev|confirm)"
)
# Each begins with a letter, so that most are ruled out by it.
_SHORT: Final = (
    r"pin(?:[ _-]?(?:code|n(?:umber|ummer|r)|コード|番号))?",
    "puk",
    "cl(?:é|ef?)",
    "clave",
    "llave",
    "losung",
    "parole",
)
_DOUBT: Final = (
    r"ピン(?:コード|番号)?", "connexion", "conexi(?:ó|o)n", "challenge", "cookie",
    _behind("otp mfa", "seed"), _behind("snmp", "community"),
    _behind("sicherheits freischalt freigabe aktivierungs kenn security activation recovery backup", "code"),
)  # fmt: skip
_SURE: Final = (
    r"connexion(?:(?<=ne.de.connexion)|(?<=nedeconnexion))",
    r"conexi(?:ón(?:(?<=cadena.de.conexión)|(?<=cadenadeconexión))|on(?:(?<=cadena.de.conexion)|(?<=cadenadeconexion)))",
    r"passw(?:ords?|or[dt]|d|t)?", r"passphrases?", r"passcode", r"pass(?<!bypass)(?<!compass)", r"pwd(?<!oldpwd)",
    r"pw(?<!getpw)", r"kennwort", r"mdp(?<![a-z]mdp)", rf"secret[oa]?s?(?:key|{_WHICH})?", r"secreto[a-z]{2,14}",
    r"tokens?(?<!skiptoken)(?<!deltatoken)(?<!nexttoken)(?<!continuationtoken)(?<!cancellationtoken)",
    r"credentials?", r"credencial(?:es)?", r"keys?(?:(?<=.key)|(?<=.keys))", r"key(?=material|value)", r"psk",
    r"auth(?![_-]?a(?:pi|dm))", r"conn(?:ection)?[ _-]?str(?:ing)?", r"hmac(?:[_-]?(?:key|signature|secret))?",
    r"sharedaccesssignature", r"session(?:_?id|token)", r"otp", r"schl(?:ü|ue)ssel", r"geheim(?:nis|wort|zahl|code)",
    r"losungswort", r"zugangsdaten", _behind("zugangs entsperr access unlock", "code"), r"anmeldedaten",
    r"anmeldeinformation(?:en)?", r"verbindungszeichenfolge", r"passe(?:(?<=de.passe)|(?<=depasse))[a-z]{0,14}",
    r"code[ _]?(?:d.?acc(?:è|e)s|secret)", r"c(?:ó|o)digo[ _]?(?:de[ _]?acceso|secreto)", r"jetons?", r"secrète",
    r"identifiants", r"contrase(?:ñ|n|ni)a[a-z]{0,14}", r"パスワード", r"パスフレーズ", r"キー", r"鍵", r"シークレット",
    r"秘密(?:の質問の答え)?", r"トークン", r"資格情報", r"暗証番号", r"接続文字列", r"チャレンジ", r"合言葉", r"認証コード",
)  # fmt: skip


def _one_of(names: tuple[str, ...], then: str) -> re.Pattern[bytes]:
    """An expression for these names; by their first letter, which makes a search that finds nothing five times as fast."""
    rests: dict[str, list[str]] = {}
    for name in names:
        rests.setdefault(name[0], []).append(name[1:])
    one = "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items())
    return re.compile(f"(?:{one}){then}".encode())


CREDENTIAL_NAME: Final = _one_of((*_SHORT, *_DOUBT, *_SURE), rf"(?:{_WHICH}|{_WHAT})?\d{{0,2}}(?![A-Za-z0-9])")
"""A credential's name in a folded text, matched at its anchor and ending where the name ends, or with a word of the value."""
SHORT_NAME: Final = _one_of(_SHORT, "")
"""A name that is a part of many other words: it must begin one."""
_DOUBTFUL_NAME: Final = _one_of((*_SHORT, *_DOUBT), rf"(?:{_WHAT})?\d{{0,2}}")
"""A name that has other meanings, too."""

# What may stand between a name and its value, and how sure it makes us. The strict ones are the syntax of assignments;
# a bare colon, `is` or a mere space is also plain prose, so the value must then look chosen by a machine or a policy.
ASSIGNMENT: Final = re.compile(
    # A credential made of a user's name and a password: NetworkCredential("svc", "…"), auth=("svc", "…").
    rb"(?P<strict>(?:=\s?)?\(\s{0,3}+[\"'][^\"'\n]{1,64}+[\"']\s{0,3}+,\s{0,3}+(?=[\"'])|\s?<<<\s?[\"']?[\w.-]{1,40}+:"
    # A name in JSON before an object that holds the value: "password": {"type": "string", "value": "…"}.
    rb"|\\{0,7}[\"']\s{0,4}+:\s{0,4}+\[?\s{0,9}+\{\s{0,40}+(?:\\{0,7}[\"']\w{1,30}+\\{0,7}[\"']\s?:\s?\\{0,7}[\"'][^\"'\\\n]{0,40}+"
    rb"\\{0,7}[\"'],\s{0,40}+)?\\{0,7}[\"']value\\{0,7}[\"']\s{0,4}+:"
    rb"|&quot;\s?[:=,]\s?(?:&quot;)?|&gt;(?=[^&<>\s]{3,256}+&lt;/)"
    rb"|(?:\\{0,7}[\"'`]\]?|\]|\)|\*\*)\s{0,4}+(?:=>|->|={1,3}>?|:{1,3}=?|\|\|?)"
    rb"|\s{0,4}+(?:=>|->|<-|:{1,3}=|={1,3}>?|\xef\xbc\x9d|\?=|\?:|\|\|?:?|%3[dD])"
    # A block of YAML's, and the next line of a list of names and values; what a dialogue's script sends.
    rb"|[\"']?:[ \t]{0,2}+[|>](?:[+-]?[ \t]{0,4}+(?:\\{1,4}n|\n)|[+-](?=\s))|[\"']?[ \t]{0,24}+"
    rb"(?:(?:\\{1,4}n|\n)[ \t]{1,24}+|(?<=[ \t]))[\"']?value[\"']?[ \t]?:|:?\s?\\{0,7}[\"'](?:\s|\\n){1,8}+send(?:\s--)?(?=\s)"
    # A type between name and value: `key: &str = "…"`, `password string = "…"`, `@pw nvarchar(50) = '…'`, `char pw[] = "…"`.
    rb"|(?:\s?:\s?|\s)&?(?:'static )?(?:str(?:ing)?|n?varchar(?:\(\w{1,4}\))?|text|any)\??\s?:?=|\[\w{0,20}\]\s?="
    # What a command calls the value: -Name "ApiKey" -Value "…", reg add … /v Password /d ….
    rb"|\\{0,7}[\"']?(?:\s{1,4}+-(?!value|string)\w{1,24}+(?:\s{1,4}+[\w\"'.\\]{1,40}+)?){0,3}\s{1,4}+-\w{0,20}?(?:value|string)(?=\s)"
    rb"|\\{0,7}[\"']?(?:\s{1,4}+/t\s{1,4}+\w{1,20}+)?\s{1,4}+/d(?=\s)|\s{1,8}+reg_\w{2,12}+(?=\s)"
    # A plist's or any XML pair: </key><string>, </name> <value>.
    rb"|</\w{1,30}+>(?:\s|\\+[nrt]){0,40}+<\w{1,30}+>"
    # <data id="Password" type="…" value="…"/> and {"name": "password", "type": "…", "value": "…"}.
    rb"|\\{0,7}[\"'](?:\s{1,8}+\w{1,30}+=[\"'][^\"'<>]{0,80}+[\"']){0,3}?\s{1,8}+value\s?=\s?"
    rb"|\\{0,7}[\"']\s{0,4}+,(?:\s{0,80}+\\{0,7}[\"'][\w@.]{1,40}+\\{0,7}[\"']\s{0,4}+:\s{0,4}+\\{0,7}[\"']?[^\"'\\\n,]{0,80}+"
    rb"\\{0,7}[\"']?\s{0,4}+,){0,3}?(?:\s|\\{1,7}n){0,80}+\\{0,7}[\"'](?:\w{0,20}val(?:ue(?!type)\w{0,12})?|data|content|wert|valeur|valor|\xe5\x80\xa4)\\{0,7}[\"']\s{0,4}+:)"
    # A tuple of a name and a value, and a call with a value alone: ("password", "…"), setPassword("…").
    rb"|(?P<tuple>\\{0,7}[\"']?\s{0,4}+,(?=\s{0,4}b?\\{0,7}[\"'])|\((?=\\{0,7}[\"'][^\"'\n]{4,128}+[\"']\s?\)))"
    # A row of a table of names and values.
    rb"|(?P<list>[,;](?=[^\s,;\"'{}()\[\]]{6,256}+(?:[,;\n]|\Z)))"
    # <Item Name="ApiKey">…</Item>, or with the value in an element of its own.
    rb"|(?P<entry>\\{0,7}[\"'](?:\s[^<>\n]{0,120}+)?>(?:\s{0,40}+<\w{1,30}+>)?(?:<!\[cdata\[)?)"
    rb"|(?P<tag>(?:\s[^<>\n]{0,120}+)?>(?:\s{0,40}+<(?:value|string|data)>)?(?:<!\[cdata\[)?)"
    rb"|(?P<prose>\s{0,2}+(?::|<br\s?/?>|\xef\xbc[\x88\x9a]|\xe3\x81\xaf|\xe3\x80\x8c)|\s(?:is|was|ist|lautet|war|est|es|era)(?::|(?=\s)))"
    rb"|(?P<space>(?:\s|\\{1,3}[tnr]){1,4}+)",
    re.IGNORECASE,
)
OPENING: Final = re.compile(
    rb"\s{0,8}+\[?\s{0,8}+[bBuUrRfFnN]{0,2}(?P<quote>\\{0,7}(?:\"{3}|'{3}|[\"'`]))|\s{0,8}+(?:\\{1,4}\n\s{0,16}+|\\{2,8}n\s{1,16}+)?"
)
UNQUOTED: Final = re.compile(rb"[^\s;&\"'<>`\\]{1,4096}+")
TAGGED: Final = re.compile(rb"[^<]{1,20000}+")
FLAG_BEFORE: Final = re.compile(
    rb"(?:(?:\A|[\s\"'>=/])(?:--?|/)|\bset(?:x|env)\s{1,4}[\"']?|\bENV\s{1,4})[\w\x80-\xff-]{0,30}\Z"
)
TAG_BEFORE: Final = re.compile(rb"<[\w:.\x80-\xff-]{0,40}\Z")
SIGNS: Final = b"!@#$^*?+~&%"
"""One of these is in a password as policies ask for."""
_STRONG: Final = (
    rb"(?=[A-Za-z0-9])(?=[^\s\"'<>]{0,64}[0-9])(?=[^\s\"'<>]{0,64}[A-Za-z])(?=[^\s\"'<>]{0,64}[" + SIGNS + rb"])"
    rb"[A-Za-z0-9][^\s\"'<>(){}\[\]=/\\]{7,255}+(?![=/(]|\\(?![\\\"'nrt]))"
)
# A word with a number in its middle: nobody names a thing so right behind the name of a credential.
MADE: Final = rb"[A-Za-z]{2,24}+[0-9]{2,8}[A-Za-z]{3,24}(?![\w/:-])"
STRONG: Final = re.compile(_STRONG + rb"|" + MADE)
"""The next word where no sign of assignment is, as a policy asks of a password: letters, a digit, a symbol."""
LINE: Final = re.compile(
    rb"(?:[ ]{0,8}(\t)[ \t]{0,8}+|[ ]{1,8}+)(?:[0-9] )?([^\s\"'=:<>]{6,256}+)[ \t\r]{0,8}+(?:(\n)|\Z)"
)
"""A value that ends the line of its name, as lists and configurations have them."""
WORD_NEXT: Final = re.compile(
    rb"(?:[ ]{1,4}|[ \t]{0,4}+\n[ \t]{0,8}+)(?:[0-9-] |\()?([A-Za-z0-9]{4,256}+)(?![\w/:-]|[.,][0-9])"
)
"""The word right behind a name or alone in the line below it."""
BEFORE: Final = re.compile(
    rb"(?i)value\\{0,7}[\"']?\s?[:=]\s?\\{0,7}[\"']([^\"'\\\n]{6,128}+)\\{0,7}[\"']\s?,?\s{0,20}+\\{0,7}[\"']?(?:name|key|id)"
    rb"\\{0,7}[\"']?\s?[:=]\s?\\{0,7}[\"'][\w. -]{0,40}+\Z"
)
"""A pair with its value first: {"value": "…", "name": "…"}."""
BREAK: Final = re.compile(rb"\n|\\{1,7}n")
CELL: Final = re.compile(rb"(?:\A|([|;,\t])|\n|\\n)[ \"*]{0,4}[\w. \x80-\xff-]{0,30}\Z")
CELL_END: Final = re.compile(rb"[ \"*]{0,4}([|;,\t\n]|\\{1,7}n)")
"""A name that is the head of a column."""
REMOTE: Final = re.compile(
    # A few words behind the name before there is a sign: `the PIN of the printer is …`, `Clé d'accès : …`.
    rb"(?:[ '_-]{1,2}[^\s:=\"'<>(){}\[\];,._-]{1,20}+){1,5}?\s{0,2}(?::|=|->|\xef\xbc[\x9a\x9d]| (?:is|ist|lautet|est|es) )"
    rb"[ \"'`]{0,3}([a-z0-9]{3,20}[._-][a-z0-9._-]{2,40}[0-9](?![\w/-])|[0-9]{6,12}(?![\w/:-]|[.,][0-9])"
    rb"|(?-i:" + MADE + rb"))"
)
REMOTE_STRONG: Final = re.compile(
    # In the same line, a word as a policy asks of a password that is not an address of a person.
    rb"[^\n]{0,48}?(?<=[\s\"'`(=:,>\x80-\xff])(?![\w.+-]{1,64}@[\w-]{1,64}\.[a-z])(" + _STRONG + rb")"
)


def sureness(name: re.Match[bytes], folded: bytes) -> Judge:
    """What a value must be to be taken for a credential: anything, where the name leaves no doubt."""
    if name.group().startswith((b"pin", b"puk")):
        return looks_like_pin
    if _DOUBTFUL_NAME.fullmatch(name.group()):
        return looks_chosen
    if not _BARE_KEY.fullmatch(name.group()):
        return _anything
    before = folded[max(0, name.start() - 16) : name.start()]
    if before.rstrip(b" _.-").endswith(_KEY_QUALIFIERS):
        return _anything
    if before[-1:].isalnum() or before[-1:] in (b"_", b"-"):
        return _nothing if before.endswith(_NO_KEYS) else looks_keyed
    return _is_hex


_BARE_KEY: Final = re.compile(rb"keys?(?:[ _-]?value)?")


def _anything(_value: bytes) -> bool:
    return True


def stands_alone(value: bytes, sure: Judge) -> bool:
    """Whether a word without any sign between it and the name is a value all the same."""
    if sure is looks_like_pin:
        return looks_like_pin(value) and value.isdigit() and not _YEAR.fullmatch(value)
    return len(value) >= 8 and (looks_random(value) or (sure is _anything and _numbered(value)))


def _numbered(value: bytes) -> bool:
    """`Tiger3559`, `fuchs123`: no year behind it, and nothing that people number."""
    found = _NUMBERED.fullmatch(value)
    return found is not None and not THINGS.fullmatch(found[1])


_NUMBERED: Final = re.compile(rb"([A-Za-z][a-z]{2,15})(?!(?:19|20)[0-9]{2}\Z)[0-9]{3,6}")
_PIN: Final = re.compile(rb"[0-9]{4,12}")
_YEAR: Final = re.compile(rb"(?:19|20)[0-9]{2}")


def looks_like_pin(value: bytes) -> bool:
    """Whether a value given to a PIN is one: four digits will do."""
    return _PIN.fullmatch(value) is not None or looks_chosen(value)


def _nothing(_value: bytes) -> bool:
    return False


def _is_hex(value: bytes) -> bool:
    return b"-" not in value and _LONG_HEX.fullmatch(value) is not None


def is_secret_key(key: str) -> bool:
    """Whether a property's name says that it holds a credential: `clientSecret`, not `passwordMinimumLength`."""
    return _is_secret_key(key[-200:])


@lru_cache(maxsize=50_000)
def _is_secret_key(key: str) -> bool:
    folded = key.lower().encode("utf-8", "replace")
    if folded.endswith((b"authorization", b"cookie")) or _PIN_KEY.search(key):
        return True
    names = [name for name in CREDENTIAL_NAME.finditer(folded) if name.end() == len(folded) and name.group() != b"auth"]
    return any(sureness(name, folded) is _anything or name.group() in (b"challenge", b"clave") for name in names)


_PIN_KEY: Final = re.compile(r"(?:\A|[_.-]|(?<=[a-z])(?=P))[Pp](?:in|IN)(?:[_-]?[Cc]ode)?\Z")
_LONG_HEX: Final = re.compile(rb"[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SIGNED: Final = re.compile(rb"[A-Za-z0-9]{4,64}[!@#$^*?+~][^\s/\\]{2,64}")


def looks_keyed(value: bytes) -> bool:
    """Whether a value given to some `…Key` looks like a key and not like the name of a setting, a path or a property."""
    if _LONG_HEX.fullmatch(value):
        return True
    plain = value.translate(None, b"\\/ .") == value and value.count(b"_") < 2
    return len(value) >= 8 and looks_chosen(value) and (plain or _SIGNED.match(value) is not None)


def looks_random(value: bytes) -> bool:
    """Whether a word in prose is a long hexadecimal number or reads like nothing a person writes."""
    if _HEX.fullmatch(value):
        return len(value) >= 20 and not value.isalpha() and not value.isdigit()
    return score(value, value, 0) >= _STRANGE


_HEX: Final = re.compile(rb"[0-9]*(?:[0-9a-f]+|[0-9A-F]*)")


def looks_chosen(value: bytes) -> bool:
    """Whether a value in prose looks like a credential and not like the next word: six characters of mixed kinds."""
    if len(value) < 6 or _DIGIT.search(value):
        return len(value) >= 6 and (bool(_LETTER.search(value)) or _CODE.fullmatch(value) is not None)
    if value.isalpha():
        return score(value, value, 0) >= _NO_WORD
    symbols = len(_NEITHER.findall(value))
    return symbols >= 2 and value.isascii() and not value.startswith((b"/", b"http", b"-"))


_NO_WORD: Final = 12
_STRANGE: Final = 24
_LETTER: Final = re.compile(rb"[A-Za-z]")
_DIGIT: Final = re.compile(rb"[0-9]")
_CODE: Final = re.compile(rb"[0-9]{6,12}")
_NEITHER: Final = re.compile(rb"[^A-Za-z0-9]")

_HARMLESS: Final = frozenset(
    b"true false null none nil undefined yes no on off required optional notconfigured not_configured not enabled"
    b" disabled unknown default devicedefault device_default numeric alphanumeric alphanumericwithsymbols"
    b" numericcomplex lowsecuritybiometric any secret password token key value hidden masked encrypted notencrypted"
    b" encryptedvaluetoken bearer basic string str int bytes empty missing invalid expired set unset changed"
    b" certificate user device allow block deny xxx redacted".split()
)
_STANDS_FOR_ONE: Final = re.compile(
    # A variable, a template's or a format's place, a tag. Variables have no digits here, since a password may well begin
    # with a dollar sign.
    rb"(?i:(?:\x01+|secret:v1:[0-9a-f]{32}|secret:set|\$(?:[a-z_]+[:.])?[a-z_]{1,40}|\$\{[^{}]{0,80}\}?"
    rb"|\$\([^()]{0,80}\)?|%\w{1,40}%|%[sdr]|%\(\w{1,40}\)s|\{\{?[^{}0-9]{0,80}\}{0,2}|<[^<>]{0,80}>|\([a-z-]{0,40}"
    rb"|[|:-]+|\*+|\.\.\.|\xe2\x80\xa6|x+"
    # A small number with its unit.
    rb"|[+-]?\d{1,5}(?:\.\d{1,3})?(?:\s?(?:ms|s|min|h|d|days?|chars?|characters?|minutes?|seconds?|%))?)\Z)"
    # What makes the value: a command of PowerShell's, a function's call.
    rb"|(?:Get|New|Read|ConvertTo|ConvertFrom|Import|Invoke|Select|Request|Connect)-[A-Z][A-Za-z]{2,40}\Z"
    rb"|[A-Za-z_][A-Za-z_.]{2,60}\([\w.,\[\]]{0,80}\)?\Z"
)


def is_value(value: bytes, sure: Judge) -> bool:
    """Whether a value is a credential's: neither a setting's word, nor a small number, nor a placeholder; a PIN may be a number."""
    return sure(value) and not (_is_harmless(value) and not (sure is looks_like_pin and value.isdigit()))


def _is_harmless(value: bytes) -> bool:
    value = value.strip()
    return len(value) < 3 or value.lower() in _HARMLESS or bool(_STANDS_FOR_ONE.match(value))
