"""What secrets look like: literal anchors that are cheap to find, and at each anchor one bounded expression.

Every expression is matched only where its anchor was found, has a bounded length, and uses possessive quantifiers or
disjoint classes, so the cost of one hit is bounded and the cost of a text is linear in its length. `redaction` caps the
number of hits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NOT_IN_WORD = rb"(?<![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of secret: its anchor, how far before the anchor the expression starts, and the expression.

    If the expression has a group `value`, that group is the secret; otherwise the whole match is.
    `folded` anchors are searched in the lower-cased text.
    """

    kind: str
    anchor: bytes
    pattern: re.Pattern[bytes]
    back: int = 0
    folded: bool = False


def _token(kind: str, anchor: str, body: bytes) -> Rule:
    literal = anchor.encode()
    return Rule(kind, literal, re.compile(_NOT_IN_WORD + re.escape(literal) + body))


# Tokens that a prefix makes certain are a table of their own, `token_forms.tsv`; these have a sign no word begins with.
_TOKENS: Final = (
    _token("api-key", "sk-", rb"(?=[\w-]{0,40}[0-9])[\w-]{20,255}+"),
    _token("password-hash", "$2", rb"[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    _token("password-hash", "$6$", rb"[./A-Za-z0-9$=]{20,160}+"),
    _token("password-hash", "$5$", rb"[./A-Za-z0-9$=]{20,160}+"),
    _token("password-hash", "$argon2", rb"[\w./+=,$-]{20,255}+"),
    _token("paypal-token", "access_token$", rb"[a-z]{4,12}\$[\w$]{16,255}+"),
)

_STRUCTURES: Final = (
    # A JWT or JWE: its run of base64url is scanned once, since the anchor must stand at the start of the run.
    Rule(
        "jwt",
        b"eyJ",
        re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,16384}+(?:(?:\.|%2[eE])[A-Za-z0-9_-]{0,16384}+){1,4}"),
    ),
    # A JWT's header alone, cut off by somebody's length limit.
    Rule("jwt", b"eyJ", re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{20,16384}+")),
    # Entra client secrets: three characters, a digit, `Q~`, then the rest.
    Rule("entra-client-secret", b"Q~", re.compile(rb"[\w.~-]{3}\dQ~[\w.~-]{28,40}+"), back=4),
    Rule(
        "slack-webhook",
        b"hooks.slack.com/",
        re.compile(rb"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<value>[\w/-]{10,128}+)"),
    ),
    Rule(
        "discord-webhook",
        b"/api/webhooks/",
        re.compile(rb"/api/webhooks/(?P<value>\d{10,24}/[\w-]{20,128}+)"),
    ),
    Rule("teams-webhook", b"webhook.office.com/", re.compile(rb"webhook\.office\.com/(?P<value>[\w@/.-]{20,400}+)")),
    Rule("mailchimp-key", b"-us", re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9])"), back=32),
    Rule("telegram-token", b":AA", re.compile(rb"(?<=\d):(?P<value>AA[\w-]{32,36}+)(?![\w-])")),
    Rule("terraform-token", b".atlasv1.", re.compile(rb"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,90}+"), back=14),
    # The last alternative takes a URL whose only user information is a token.
    Rule(
        "url-password",
        b"://",
        re.compile(
            rb"://(?:[^\s/@:\"'<>\\?#]{0,256}+:(?P<value>[^\s/@\"'<>\\]{1,1024}+)(?=@)"
            rb"|(?P<user>[^\s/@:\"'<>\\?#]{20,1024}+)(?=@))"
        ),
    ),
    Rule("sas-signature", b"sig=", re.compile(rb"(?<![A-Za-z])sig=(?P<value>[\w%+/=-]{16,256}+)"), folded=True),
    Rule(
        "authorization",
        b"authorization",
        re.compile(
            rb"authorization[\"'\\]{0,4}+\s{0,4}+[:=,]\s{0,4}+(?:b(?=[\"']))?[\"'\\]{0,4}+(?P<value>"
            rb"(?:bearer|basic|digest|negotiate|ntlm|token|apikey|sharedkey|sharedkeylite|sharedaccesssignature|aws4-\S{1,20})"
            rb"[ \t]{1,4}+[^\r\n\"'\\]{1,8192}+|[^\s\"'\\,;]{6,8192}+)",
            re.IGNORECASE,
        ),
        folded=True,
    ),
    Rule(
        "bearer-token",
        b"bearer",
        re.compile(
            rb"bearer(?:\s{1,4}+|%20|\+|[:=]\s{0,4}+)[\"']?"
            rb"(?P<value>(?=[A-Za-z._~+/-]{0,64}[0-9=])[\w.~+/=-]{12,16384}+)",
            re.IGNORECASE,
        ),
        folded=True,
    ),
    Rule(
        "basic-credentials",
        b"basic ",
        re.compile(rb"basic\s{1,4}+(?P<value>(?=[A-Za-z+/]{0,24}[0-9=])[A-Za-z0-9+/]{10,1024}+={0,2})", re.IGNORECASE),
        folded=True,
    ),
    Rule(
        "cookie",
        b"cookie",
        re.compile(
            rb"cookie[\"'\\]{0,4}+\s{0,2}+[:=]\s{0,4}+[\"'\\]{0,4}+(?P<value>[^\n\"'=]{1,128}+=[^\n\"']{6,4096}+)", re.I
        ),
        folded=True,
    ),
    Rule(
        "netrc-password",
        b"machine ",
        re.compile(
            rb"machine\s{1,4}+\S{1,255}+\s{1,8}+login\s{1,4}+\S{1,255}+\s{1,8}+password\s{1,4}+(?P<value>\S{1,512}+)"
        ),
    ),
    Rule(
        "password-argument",
        b"net user ",
        re.compile(rb"net user\s{1,4}+[\"']?[\w.\\-]{1,104}+[\"']?\s{1,4}+(?P<value>[^\s/*][^\s]{3,255}+)", re.I),
        folded=True,
    ),
    Rule(
        "password-argument",
        b"net use ",
        re.compile(
            rb"net use\s{1,4}+(?:\S{1,3}\s{1,4}+)?\\\\\S{1,255}+(?:\s{1,4}+/\S{1,255}+){0,4}+\s{1,4}+(?P<value>[^\s/*]\S{3,255}+)",
            re.I,
        ),
        folded=True,
    ),
    *(
        Rule(
            "password-argument",
            flag,
            re.compile(re.escape(flag) + rb"[\"']?(?P<value>[^\s\"'/$%-][^\s\"']{3,255}+)", re.I),
            folded=True,
        )
        for flag in (b" /rp ", b" /rp:", b" -rp ", b" -passin pass:", b" -passout pass:")
    ),
    Rule(
        "password-argument",
        b" -p ",
        re.compile(
            rb"(?<=\S) -p\s{1,4}+[\"']?(?P<value>(?=[^\s\"']{0,64}[0-9])(?=[^\s\"']{0,64}[A-Za-z])[^\s\"'/\\.:]{6,128}+)(?![/\\.:])"
        ),
    ),
    Rule(
        "password-argument",
        b" -p:",
        re.compile(rb" -p:[\"']?(?P<value>[^\s\"'/\\]{4,128}+)"),
    ),
    Rule(
        "password-argument",
        b"-passwd ",
        re.compile(rb"-passwd\s{1,4}+\S{1,128}+\s{1,4}+[\"']?(?P<value>[^\s\"'$-][^\s\"']{3,255}+)"),
    ),
    Rule(
        "password-argument",
        b"generic-password",
        re.compile(rb"generic-password[^\n]{0,200}?\s-w\s{1,4}+[\"']?(?P<value>[^\s\"'$-][^\s\"']{3,255}+)"),
    ),
    Rule(
        "password-argument",
        b"echo ",
        re.compile(rb"echo\s{1,4}+[\"']?(?P<value>[^\s\"'|$]{4,255}+)[\"']?\s{0,4}+\|\s{0,4}+sudo\s"),
    ),
    Rule(
        "encoded-command",
        b" -e",
        re.compile(rb" -e(?:nc?|ncodedcommand|c)?\s{1,4}+[\"']?(?P<value>(?!/)[A-Za-z0-9+/]{16,16384}+={0,2})", re.I),
        folded=True,
    ),
    Rule(
        "password-argument",
        b"convertto-securestring",
        re.compile(
            rb"convertto-securestring\s{1,4}+(?:-string\s{1,4}+)?(?:\"(?P<value>[^\"\n]{1,1024}+)|'(?P<single>[^'\n]{1,1024}+)"
            rb"|(?P<bare>[^\s\"'$(-][^\s)]{3,1024}+))",
            re.IGNORECASE,
        ),
        folded=True,
    ),
    *(
        Rule(
            "credentials-argument",
            flag,
            re.compile(re.escape(flag) + rb"\s{0,4}+[\"']?[^\s:\"'/]{1,128}+:(?P<value>(?!/)[^\s\"']{4,256}+)"),
        )
        for flag in (b" -u ", b" --user ")
    ),
    Rule("private-key", b"PuTTY-User-Key-File-", re.compile(rb"PuTTY-User-Key-File-[^\x00]{0,16384}")),
)

RULES: Final[tuple[Rule, ...]] = (*_TOKENS, *_STRUCTURES)

# --- key = value --------------------------------------------------------------------------------------------------

# Words whose value is a credential. They are searched in the lower-cased text.
KEY_ANCHORS: Final[tuple[bytes, ...]] = (
    b"pass",
    b"pw",
    b"kennwort",
    "パスワード".encode(),
    b"secret",
    b"token",
    b"credential",
    b"key",
    b"psk",
    b"auth",
    b"connectionstring",
    b"connection string",
    b"connection_string",
    b"sharedaccesssignature",
    b"session",
    b"otp",
    b"pin",
    b"challenge",
    b"schl",
    b"geheimnis",
    b"zugangsdaten",
    b"anmeldedaten",
    b"anmeldeinformation",
    b"verbindungszeichenfolge",
    b"mot de ",
    b"motde",
    b"jeton",
    b"cl\xc3\xa9",
    b"cle",
    b"secr\xc3\xa8te",
    b"identifiants",
    b"connexion",
    b"contrase",
    b"clave",
    b"credencial",
    b"conexi",
    *(
        word.encode()
        for word in ("キー", "鍵", "シークレット", "秘密", "トークン", "資格情報", "暗証番号", "接続文字列")
    ),
    *(word.encode() for word in ("パスフレーズ", "チャレンジ")),
)

# Short words that are parts of many others: they name a credential only where a word begins.
WHOLE_WORDS: Final = (b"pin", b"cle", b"clave")

# `key` alone says nothing (registry key, key vault): only after one of these does it name a credential.
KEY_QUALIFIERS: Final[tuple[bytes, ...]] = tuple(
    b"api access account shared preshared pre-shared secret private encryption encrypt master signing storage"
    b" subscription primary secondary service auth license licence product recovery ssh aws azure security client app"
    b" application functions function host sas wifi wi-fi wep wpa network device registration enrol enrollment admin"
    b" root deploy write read ingest instrumentation integration server session cookie jwt hmac aes rsa fernet vault"
    b" vpn activation backup decryption bootstrap machine hub routing user personal".split()
)

# The name of a credential, matched at its anchor and ending where the name ends. `key` alone says nothing (registry
# key, key vault), so it needs a word before it; the words after a name are those that still name the value itself.
CREDENTIAL_NAME: Final = re.compile(
    rb"(?:passw(?:ords?|or[dt]|d|t)?|passphrases?|passcode|(?<!by)(?<!com)pass|(?<![a-z])pwd?|kennwort|passwort|"
    rb"secret[oa]?s?(?:key)?"
    rb"|(?<!skip)(?<!delta)(?<!next)(?<!continuation)(?<!cancellation)tokens?|credentials?|credencial(?:es)?"
    rb"|(?<=.)keys?|key(?=material|value)|psk|auth|connection[ _]?string|sharedaccesssignature|sessionid|session_id"
    rb"|sessiontoken|otp|pin(?:code)?|challenge|schl(?:\xc3[\xbc\x9c]|ue)ssel|geheimnis|zugangsdaten|anmeldedaten"
    rb"|anmeldeinformation(?:en)?|verbindungszeichenfolge|mot ?de ?passe|jeton|cl(?:\xc3\xa9|e)(?:[ _-]?secr(?:\xc3\xa8|e)te)?"
    rb"|secr\xc3\xa8te|identifiants|connexion|contrase(?:\xc3\xb1|n)a|clave|conexi(?:\xc3\xb3|o)n|"
    + "パスワード|パスフレーズ|キー|鍵|シークレット|秘密|トークン|資格情報|暗証番号|接続文字列|チャレンジ".encode()
    + rb")(?:[ _-]?(?:value|text|material|plain|clear|base64|b64|data|hash))?\d{0,2}(?![A-Za-z0-9])",
    re.IGNORECASE,
)

# What may stand between a name and its value, and how sure it makes us. The strict ones are the syntax of assignments;
# a bare colon, `is` or a mere space is also plain prose, so the value must then look chosen by a machine or a policy.
ASSIGNMENT: Final = re.compile(
    rb"(?P<strict>(?:\\{0,7}[\"'`]\]?|\]|\))\s{0,4}+(?:=>|->|={1,3}|:{1,3}=?|\|\|?)"
    rb"|\s{0,4}+(?:=>|->|:{1,3}=|={1,3}|\?=|\?:|\|\|?:?|%3[dD])"
    # A block of YAML's, and the next line of a list of names and values.
    rb"|[\"']?:[ \t]{0,2}+[|>][+-]?[ \t]{0,4}+\n|[\"']?[ \t]{0,4}+(?:\\{1,4}n|\n)?[ \t]{1,24}+[\"']?value[\"']?[ \t]?:"
    # What a command calls the value: -Name "ApiKey" -Value "…", reg add … /v Password /d ….
    rb"|\\{0,7}[\"']?(?:\s{1,4}+-(?!value)\w{1,24}+(?:\s{1,4}+[\w\"'.\\]{1,40}+)?){0,3}\s{1,4}+-value(?=\s)"
    rb"|\\{0,7}[\"']?(?:\s{1,4}+/t\s{1,4}+\w{1,20}+)?\s{1,4}+/d(?=\s)"
    # A plist's or any XML pair: </key><string>, </name> <value>.
    rb"|</\w{1,30}+>(?:\s|\\+[nrt]){0,40}+<\w{1,30}+>"
    # <data id="Password" value="…"/> and {"name": "password", "value": "…"}.
    rb"|\\{0,7}[\"']\s{1,8}+value\s?=\s?"
    rb"|\\{0,7}[\"']\s{0,4}+,\s{0,80}+\\{0,7}[\"'](?:\w{0,20}value)\\{0,7}[\"']\s{0,4}+:)"
    # A tuple of a name and a value: ("password", "…").
    rb"|(?P<tuple>\\{0,7}[\"']?\s{0,4}+,(?=\s{0,4}b?\\{0,7}[\"']))"
    # <Item Name="ApiKey">…</Item>
    rb"|(?P<entry>[\"']\s{0,2}+>)"
    rb"|(?P<tag>(?:\s[^<>\n]{0,120}+)?>)"
    rb"|(?P<prose>\s{0,2}+(?::|\xef\xbc\x9a)|\s(?:is|was|ist|lautet)(?=\s))"
    rb"|(?P<space>\s{1,4}+)",
    re.IGNORECASE,
)
OPENING: Final = re.compile(rb"\s{0,8}+\[?\s{0,8}+[bBuUrRfF]{0,2}(?P<quote>\\{0,7}[\"'`])|\s{0,8}+")
UNQUOTED: Final = re.compile(rb"[^\s;&\"'<>`\\]{1,4096}+")
TAGGED: Final = re.compile(rb"[^<]{1,4096}+")
FLAG_BEFORE: Final = re.compile(rb"(?:\A|[\s\"'])(?:--?|/)[\w-]{0,30}\Z")
TAG_BEFORE: Final = re.compile(rb"<[\w:.-]{0,40}\Z")
NEARBY: Final = re.compile(rb"[^\n]{0,40}?(?<![\w+/~.!@#$%^&*=-])(?P<value>[\w+/~.!@#$%^&*=-]{12,256}+)")

HARMLESS_VALUES: Final = frozenset(
    b"true false null none nil undefined yes no on off required optional notconfigured not_configured not enabled"
    b" disabled unknown default devicedefault device_default numeric alphanumeric alphanumericwithsymbols"
    b" numericcomplex lowsecuritybiometric any secret password token key value hidden masked encrypted notencrypted"
    b" encryptedvaluetoken bearer basic string str int bytes empty missing invalid expired set unset changed"
    b" certificate user device allow block deny xxx redacted".split()
)

# --- JSON keys ----------------------------------------------------------------------------------------------------

_SPLIT_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SECRET_KEY: Final = re.compile(
    r"(?:^|.*[ _.-])(?:password|passwd|passwort|pwd|passphrase|passcode|kennwort|psk|secrets?|credentials?|otp"
    r"|authorization|cookie|(?<!skip )(?<!delta )(?<!next )(?<!continuation )tokens?|connection string"
    r"|(?:api|access|account|shared|private|encryption|master|signing|storage|subscription|primary|secondary|auth"
    r"|license|product|recovery|ssh|client|functions?|wep|wpa|wifi|network|security|activation|decryption) keys?"
    r"|key material|apikey|sharedkey|privatekey|accesskey|accountkey|challenge|schl(?:ü|ue)ssel|geheimnis|zugangsdaten|anmeldedaten"
    r"|verbindungszeichenfolge|mot ?de ?passe|jeton|contrase(?:ñ|n)a|clave|secreto|credencial(?:es)?"
    r"|パスワード|パスフレーズ|シークレット|トークン|資格情報|暗証番号|接続文字列)"
    r"(?: (?:value|text|plain|clear|base64|data|hash))?\d{0,2}",
)


def is_secret_key(key: str) -> bool:
    """Whether a JSON key names a credential: `clientSecret`, `db_password`, not `passwordMinimumLength`."""
    if len(key) > 200:
        key = key[-200:]
    words = re.sub(r"[\s_.\-/:]+", " ", _SPLIT_CAMEL.sub(" ", key)).strip().lower()
    return bool(_SECRET_KEY.fullmatch(words))
