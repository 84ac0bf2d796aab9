"""Names that say that a credential follows."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from runstore.fence.credential_values import (
    Judge,
    anything,
    is_long_hex,
    looks_chosen,
    looks_keyed,
    looks_like_pin,
    nothing,
)

_ANCHORS: Final = (
    "pass pasw psw pw kennwort mdp secret token cred key psk auth conn sharedaccesssignature session otp pin puk hmac challenge"
    " schl geheim zugangs code código codigo seed cookie community losung parole anmeldedaten anmeldeinformation"
    " verbindungszeichenfolge jeton clé cle secrète identifiants contrase clave llave credencial conexi パスワード キー 鍵"
    " wachtwoord senha lösenord hasło"
    " ＰＷ シークレット 秘密 トークン 資格情報 暗証番号 接続文字列 パスフレーズ チャレンジ 合言葉 認証コード ピン"
)
KEY_ANCHORS: Final = tuple(_ANCHORS.encode().split())
"""Parts of such names, in small letters: where none is, no name is looked for."""

# `key` alone says nothing (registry key, key vault): only after one of these does it name a credential.
_KEY_QUALIFIERS: Final = tuple(
    b"api access account shared preshared pre-shared secret private encryption encrypt master signing storage"
    b" subscription primary secondary service auth license licence product recovery ssh aws azure security client app"
    b" application functions function host sas wifi wi-fi wep wpa network device registration enrol enrollment admin"
    b" root deploy write read ingest instrumentation integration server session cookie jwt hmac aes rsa fernet vault"
    b" vpn activation backup decryption bootstrap machine installation setup volume mak kms cd agent connector provisioning"
    b" join cluster webhook bot push fcm maps partner hub routing user personal isakmp".split()
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
    *("puk", "cl(?:é|ef?)", "clave", "llave", "losung", "parole"),
    r"pin(?:[ _-]?(?:code|n(?:umber|ummer|r)|コード|番号))?",
)
_DOUBT: Final = (
    r"ピン(?:コード|番号)?", "connexion", "conexi(?:ó|o)n", "challenge", "cookie",
    _behind("otp mfa", "seed"), _behind("snmp", "community"),
    _behind("tür tuer door alarm sicherheits freischalt freigabe aktivierungs kenn security activation recovery backup", "code"),
)  # fmt: skip
_SURE: Final = (
    r"connexion(?:(?<=ne.de.connexion)|(?<=nedeconnexion))",
    r"conexi(?:ón(?:(?<=cadena.de.conexión)|(?<=cadenadeconexión))|on(?:(?<=cadena.de.conexion)|(?<=cadenadeconexion)))",
    "passw(?:ö|oe)rtern?", r"pas{1,3}w[eo]?r?[eo]?[dt]{0,2}s?", "ＰＷ", r"passord", r"ps{1,2}w(?:or)?d", r"passphrases?",
    r"passcode", r"pass(?<!bypass)(?<!compass)(?<!getpass)", r"pwd(?<!oldpwd)",
    r"pw(?<!getpw)", r"kennwort", r"mdp(?<![a-z]mdp)", rf"secret[oa]?s?(?:key|{_WHICH})?", r"secreto[a-z]{2,14}",
    r"tokens?(?<!skiptoken)(?<!deltatoken)(?<!nexttoken)(?<!continuationtoken)(?<!cancellationtoken)",
    r"cred(?:ential)?s?(?<![a-z]cred)", r"credencial(?:es)?", r"keys?", r"key(?=material|value)", r"psk",
    r"auth(?![_-]?a(?:pi|dm))", r"conn(?:ection)?[ _-]?str(?:ing)?", r"hmac(?:[_-]?(?:key|signature|secret))?",
    r"sharedaccesssignature", r"session(?:_?id|token)", r"otp", r"schl(?:ü|ue)ssel", r"geheim(?:nis|wort|zahl|code)",
    r"losungswort", r"zugangsdaten", _behind("zugangs entsperr access unlock", "code"), r"anmeldedaten",
    r"anmeldeinformation(?:en)?", r"verbindungszeichenfolge", r"passe(?:(?<=de.passe)|(?<=depasse))[a-z]{0,14}",
    r"code[ _]?(?:d.?acc(?:è|e)s|secret)", r"c(?:ó|o)digo[ _]?(?:de[ _]?acceso|secreto)", r"jetons?",
    "wachtwoord(?:en)?", "senha", "lösenord(?:et)?", "hasło", r"secrète",
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


CREDENTIAL_NAME: Final = _one_of(
    (*_SHORT, *_DOUBT, *_SURE),
    rf"(?:{_WHICH}|{_WHAT})?\d{{0,2}}(?:(?<=Ｗ|ド|ー|ズ|鍵|密|ン|報|号|列|ジ|葉)|(?![A-Za-z0-9]))",
)
"""A credential's name in a folded text, matched at its anchor and ending where the name ends, or with a word of the value."""
SHORT_NAME: Final = _one_of(_SHORT, "")
"""A name that is a part of many other words: it must begin one."""
_DOUBTFUL_NAME: Final = _one_of((*_SHORT, *_DOUBT), rf"(?:{_WHAT})?\d{{0,2}}")
"""A name that has other meanings, too."""


def sureness(name: re.Match[bytes], folded: bytes) -> Judge:
    """What a value must be to be taken for a credential: anything, where the name leaves no doubt."""
    if name.group().startswith((b"pin", b"puk")):
        return looks_like_pin
    if _DOUBTFUL_NAME.fullmatch(name.group()):
        return looks_chosen
    if not _BARE_KEY.fullmatch(name.group()):
        return anything
    before = folded[max(0, name.start() - 16) : name.start()]
    if before.rstrip(b" _.-").endswith(_KEY_QUALIFIERS):
        return anything
    if before[-1:].isalnum() or before[-1:] in (b"_", b"-"):
        return nothing if before.endswith(_NO_KEYS) else looks_keyed
    return is_long_hex


_BARE_KEY: Final = re.compile(rb"keys?(?:[ _-]?value)?\d{0,2}")


def is_secret_key(key: str) -> bool:
    """Whether a property's name says that it holds a credential: `clientSecret`, not `passwordMinimumLength`."""
    return _is_secret_key(key[-200:])


@lru_cache(maxsize=50_000)
def _is_secret_key(key: str) -> bool:
    folded = key.lower().encode("utf-8", "replace")
    if folded.endswith((b"authorization", b"cookie")) or _PIN_KEY.search(key):
        return True
    names = [name for name in CREDENTIAL_NAME.finditer(folded) if name.end() == len(folded) and name.group() != b"auth"]
    return any(sureness(name, folded) is anything or name.group() in (b"challenge", b"clave") for name in names)


_PIN_KEY: Final = re.compile(r"(?:\A|[_.-]|(?<=[a-z])(?=P))[Pp](?:in|IN)(?:[_-]?[Cc]ode)?\Z")
