"""What secrets look like that are not bare tokens: a literal anchor that is cheap to find, and a bounded expression.

Every expression is matched only where its anchor was found, has a bounded length, and uses possessive quantifiers or
disjoint classes, so the cost of one hit is bounded and the cost of a text is linear in its length. `secret_scan` caps
the number of hits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from runstore.fence.assigned_forms import MADE


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of secret: its anchor, how many bytes before the anchor the expression starts, and the expression.

    If the expression has a group, that group is the secret; otherwise the whole match is. The anchor of an expression
    that ignores case is searched in the lower-cased text.
    """

    kind: str
    anchor: bytes
    back: int
    pattern: re.Pattern[bytes]

    @property
    def folded(self) -> bool:
        """Whether the anchor is in small letters, for a text in small letters."""
        return bool(self.pattern.flags & re.IGNORECASE)


_CHAR: Final = rb"(?:[^\s\"'\\]|\\(?!\\{0,6}[\"']))"
_ARGUMENT: Final = rb"\\{0,7}[\"']?((?:[^\s\"'/$%\\-]|\$(?=[A-Z][A-Za-z_.-]{2,32}[0-9]{3}))" + _CHAR + rb"{3,255}+)"
_QUOTED: Final = rb"\\{0,7}[\"']([^\"'\n\\]{4,128}+)\\{0,7}[\"']"
_NUMBER_IN: Final = rb"(?=[^\s\"']{0,40}(?:[0-9]{3}|[!?#&][0-9]))"
_USER: Final = rb"(?<=[ -])-[uU](?:ser)?\s{1,5}+\\{0,7}[\"']?[^\s:%,\"'/]{1,128}+(?:[:%]|," + _NUMBER_IN + b")"
_OTHER: Final = rb"\s{1,4}+(?:\"[^\"\n]{1,64}+\"|\S{1,128}+)"
_GUID: Final = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# A word with a number in its middle, or letters, a digit and a sign.
_VALUE: Final = (
    rb"[\"']?(?-i:("
    + MADE
    + rb"|(?=[^\s\"']{0,40}[0-9])(?=[^\s\"']{0,40}[a-z])(?=[^\s\"']{0,40}[!#$%&*+?_-])[^\s\"'\\]{8,255}+))"
)
# Twelve to twenty-four small words in a row.
_SMALL_WORDS: Final = (
    rb"s?(?:</\w{1,30}+>\s{0,40}+<\w{1,30}+>|\W{1,12}+)((?:(?-i:[a-z]{3,8}+)[ ,]{1,2}+){11,23}[a-z]{3,8})"
)
_CODE: Final = (
    r"(?:(?=[a-z]{0,6}-?[a-z]{0,6}[0-9])[a-z0-9]{4,6}-[a-z0-9]{4,6}|(?=[a-z]{0,11}[0-9])[a-z0-9]{6,12})(?![\w-])"
)
_CODES: Final = (
    r"(?is).{0,24}?(?:(?:backup|recovery|rescue|emergency|scratch|wiederherstellungs|ersatz|notfall|einmal|sicherungs|[2m]fa)"
    r"[ _-]?codes?|c(?:o|ó)d(?:e|igo)s? de (?:secours|sauvegarde|r[^\s]{1,2}cup[^\s]{3,9}|respaldo|emergencia|seguridad)"
    r"|(?:バックアップ|リカバリー|回復|復旧)コード)(?:[^\n0-9:=\xef]{0,24}[:=\xef]|[^\n0-9]{0,16})"
    rf"(?:[0-9]{{1,2}}[.)]|[^\w\n]|\\n|\n){{1,8}}({_CODE}(?:(?:[0-9][.)]|[^\w]|\\n){{1,6}}{_CODE}){{0,19}})"
).encode()
"""The words for codes of last resort, and a list of such."""
_DOORS: Final = (
    "alarm", "wifi", "wi-fi", "wlan", "safe", "tresor", "coffre", "caja fuerte", "tür", "tuer", "door", "gate", "porte", "portail",
    "puerta", "garage", "zutritt", "金庫", "ドア",
)  # fmt: skip
_NUMBER: Final = rb"(?:[:= ]|\xef\xbc\x9a|est |ist |is |es ){1,3}([0-9]{4,8}[#*]?)(?![\w:/-]|[.,][0-9])"
_ANSWER: Final = (
    r"[^\n]{0,60}?(?:antwort|answer|r(?:é|e)ponse|respuesta|答え)(?:(?:\s?[:=]|：| (?:is|ist|est|es) |は)\s?([^\s\"'<>,;]{3,64}+)"
    r"| ((?=[^\s\"']{0,40}[0-9])[^\s\"'<>,;]{6,64}+))"
).encode()
_TO_OPEN: Final = "[^\\n0-9]{0,30}?(?:code|código|コード)[^\\n0-9]{0,12}?".encode() + _NUMBER
# Tokens that a prefix makes certain are a table of their own, `token_forms.tsv`; these have another sign.
_TABLE: Final[tuple[tuple[str, str, int, bytes], ...]] = (
    ("password-hash", "$2", 0, rb"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    *(("password-hash", f"${form}$", 0, rb"\$%d\$[./A-Za-z0-9$=]{20,160}+" % form) for form in (5, 6)),
    ("password-hash", "$argon2", 0, rb"\$argon2[\w./+=,$-]{20,255}+"),
    ("paypal-token", "access_token$", 0, rb"access_token\$[a-z]{4,12}\$[\w$]{16,255}+"),
    # A JWT or JWE, its run of base64url scanned once; or its header alone, cut off by somebody's length limit.
    ("jwt", "eyJ", 0, rb"(?<![\w-])eyJ[\w-]{8,16384}+(?:(?:(?:\.|%2[eE])[\w-]{0,16384}+){1,4}|(?<=[\w-]{23}))"),
    # Entra client secrets: three characters, a digit, `Q~`, then the rest.
    ("entra-client-secret", "Q~", 4, rb"[\w.~-]{3}\dQ~[\w.~-]{28,40}+"),
    (
        "webhook", "hook", 0,
        # Slack's, Discord's, Teams' and others': after some parts of a path one that is long and has a number in it.
        rb"(?i)hook[a-z0-9]{0,2}(?:\.[a-z]{2,12}){0,3}/(?=(?:[\w@.-]{1,80}/){0,4}(?=[\w-]{0,40}[0-9])[\w-]{16})([\w@/.-]{16,400}+)",
    ),
    ("mailchimp-key", "-us", 32, rb"(?<![0-9a-f])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9])"),
    ("telegram-token", ":AA", 0, rb"(?<=\d):(AA[\w-]{32,36}+)(?![\w-])"),
    ("terraform-token", ".atlasv1.", 14, rb"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,90}+"),
    ("url-password", "://", 0, rb"://[^\s/@:\"'<>\\?#]{0,256}+:([^\s/@\"'<>\\]{1,1024}+)(?=@)"),
    ("url-password", "://", 0, rb"://([0-9a-fA-F]{20,128}+)(?=[:@][^\s/]{0,300}@|@)"),
    *(("sas-signature", at, 0, b"(?i)(?<![A-Za-z])" + at.encode() + rb"([\w%+/=-]{16,256}+)") for at in ("sig=", "signature=")),
    # A share's address has no scheme: //domain;user:password@host/share.
    ("url-password", "smbfs", 0, rb"smbfs[^\n]{0,80}?//[\w.;-]{1,80}:([^\s/@\"'<>\\]{4,128}+)(?=@[\w.-]{1,80}/)"),
    ("authorization", "authorization", 0,
        rb"(?i)authorization[\"'\\]{0,4}+\s{0,4}+[:=,]\s{0,4}+(?:b(?=[\"']))?[\"'\\]{0,4}+("
        rb"(?:bearer|basic|digest|negotiate|ntlm|token|apikey|sharedkey|sharedkeylite|sharedaccesssignature|aws4-\S{1,20})"
        rb"[ \t]{1,4}+[^\r\n\"'\\]{1,8192}+"
        rb"|[a-z][\w-]{2,24}+[ \t]{1,4}+(?=[^\s0-9]{0,64}+[0-9])[^\s\"'\\,;]{12,8192}+|[^\s\"'\\,;]{6,8192}+)"),
    ("bearer-token", "bearer", 0,
        rb"(?i)bearer(?:\s{1,4}+|%20|\+|[:=]\s{0,4}+)[\"']?((?=[A-Za-z._~+/-]{0,64}[0-9=])[\w.~+/=-]{12,16384}+)"),
    ("basic-credentials", "basic ", 0, rb"(?i)basic\s{1,4}+((?=[A-Za-z+/]{0,24}[0-9=])[A-Za-z0-9+/]{10,1024}+={0,2})"),
    ("cookie", "cookie", 0, rb"(?i)cookie[\"'\\]{0,4}+\s{0,2}+[:=]\s{0,4}+[\"'\\]{0,4}+([^\n\"'=]{1,128}+=[^\n\"']{6,4096}+)"),
    ("netrc-password", "machine ", 0,
        rb"machine\s{1,4}+\S{1,255}+\s{1,8}+login\s{1,4}+\S{1,255}+\s{1,8}+password\s{1,4}+(\S{1,512}+)"),
    ("password-argument", "net use", 0,
        rb"(?i)net use(?:r\s{1,4}+[\"']?[\w.\\-]{1,104}+[\"']?|\s{1,4}+(?:\S{1,3}\s{1,4}+)?\\\\\S{1,255}+"
        rb"(?:\s{1,4}+/\S{1,255}+){0,4}+)\s{1,4}+([^\s/]\S{3,255}+)"),
    *(
        ("password-argument", at, 0, b"(?i)" + at.encode() + then + _ARGUMENT)
        for at, then in (
            (" /rp", b"[ :]"), (" /pd", b"[ :]" + _NUMBER_IN), (" -rp ", b""), (" -pass", b"(?:in|out) pass:"),
            ("identified by ", b""), ("snmp-server community ", b""),
        )
    ),
    (
        "password-argument", " -p", 0,
        # With a colon, in quotes glued to it, as a word with a digit, or with a digit and a sign.
        rb"(?i)(?<=\S) -p(?::[\"']?([^\s\"'/\\]{4,128}+)|'([^\s\"'/\\]{4,128}+)'"
        rb"|\s{1,4}+\\{0,7}[\"']?((?=[^\s\"']{0,64}[0-9])(?=[^\s\"']{0,64}[A-Za-z])[^\s\"'<>/\\.:]{6,128}+)(?![/.:]|\\(?!\\{0,6}[\"']))"
        rb"|\s{0,4}+\\{0,7}[\"']?((?=[^\s\"']{0,64}[0-9])(?=[^\s\"']{0,64}[!#$%&*+?])[^\s\"'<>/\\.:-][^\s\"'<>/\\.:]{5,128}+)"
        rb"(?![/:]|\\(?!\\{0,6}[\"'])))",
    ),
    ("password-argument", " /p", 0,
        rb"(?i) /p[ :][\"']?((?=[^\s\"']{0,64}[0-9])(?=[^\s\"']{0,64}[a-z])[^\s\"'<>/\\.:=]{6,128}+)(?![/\\.:=])"),
    *(("password-argument", sign + "-p", 0, rb"[\"']-p((?=[^\s\"']{0,40}[0-9])[^\s\"':=]{6,128}+)\\{0,7}[\"']") for sign in "\"'"),
    *(
        ("password-argument", command, 0, command.encode() + rb"[^\n]{0,160}?\s-" + switch + _ARGUMENT)
        for command, switch in (
            ("openssl ", rb"(?:k|K|password)\s{1,4}+"), ("ldap", rb"w\s{1,4}+"), ("ssh-keygen", rb"[NP]\s{1,4}+"),
            ("generic-password", rb"w\s{1,4}+"), ("mysql", b"p"), ("7z", b"p"), ("rar ", b"h?p"),
        )
    ),
    # Commands that take a password behind other arguments, and how many those are.
    *(
        ("password-argument", command, 0, command.encode() + rb"\w{0,4}%s\s{1,4}+%s" % (_OTHER * many, _ARGUMENT))
        for command, many in (("htpasswd -b", 2), ("wpa_passphrase", 1), ("-passwd", 1), ("-setairportnetwork", 2))
    ),
    ("snmp-community", "snmp", 0, rb"snmp[a-z]{2,10}\s[^\n]{0,60}?-c\s{1,4}+" + _ARGUMENT),
    ("password-argument", "-passwd ", 0, rb"-passwd\s{1,4}+\S{1,128}+\s{1,4}+" + _ARGUMENT),
    ("password-argument", "generic-password", 0, rb"generic-password[^\n]{0,200}?\s-w\s{1,4}+" + _ARGUMENT),
    *(
        ("password-argument", at, 0, at.encode() +
        rb"(?:-n\s|[\"']%s(?:\\{1,3}n)?[\"']\s)?\s{0,3}+\\{0,7}[\"']?([^\s\"'|$\\]{4,255}+)\\{0,7}[\"']?\s{0,4}+\|\s{0,4}+(?:/\S{1,40}/)?(?:sudo|su|(?:ch)?passwd|runas|kinit|gpg|hdiutil|security|fdesetup|cryptsetup)\b")
        for at in ("echo ", "printf ")
    ),
    ("encoded-command", " -e", 0, rb"(?i) -e(?:nc?|ncodedcommand|c)?\s{1,4}+[\"']?((?!/)[A-Za-z0-9+/]{16,16384}+={0,2})"),
    ("password-argument", "convertto-securestring", 0,
        rb"(?i)convertto-securestring\s{1,4}+(?:-string\s{1,4}+)?(?:\"([^\"\n]{1,1024}+)"
        rb"|'([^'\n]{1,1024}+)|([^\s\"'$(-][^\s)]{3,1024}+))"),
    ("password-argument", "convertto-securestring", 140,
        rb"(?is).{0,140}?[\"']([^\"'\n]{4,128}+)[\"']\s?\|\s{0,4}convertto-securestring"),
    *(("credentials-argument", at, 0, _USER + b"((?!/)" + _CHAR + b"{4,256}+)") for at in ("-u", "-U")),
    ("snmp-community", "validcommunities", 0,
        rb"(?i)validcommunities[\"']?(?:\]\s{1,4}+|[^\n]{0,40}?\s(?:/v|-name)\s{1,4}+)" + _ARGUMENT),
    ("snmp-community", "community ", 2, rb"(?i)r[ow]community " + _ARGUMENT),
    ("password-argument", "-server ", 6,
        rb"(?i)(?:radius|tacacs)-server (?:\S{1,64}+ ){1,8}?key (?:[0-9] )?([^\s\"'/$%-][^\s\"']{3,255}+)"),
    ("password-argument", "enable ", 0, rb"(?i)enable (?:secret|password) (?:[0-9] )?((?=[^\s\"']{0,40}[0-9])[^\s\"']{6,128}+)"),
    *(("password-argument", at, 0, rb":[\d*]{1,4}(?::[\w*.@-]{1,64}+){2}:([^\s:\"']{4,128}+)") for at in (":5432:", ":*:")),
    *(
        ("password-argument", name, 0, b"(?i)" + name.encode() + rb"[\"']?\s?[:(]\s?[\w.@\\-]{2,64}+(?:\s?/\s?|:" + _NUMBER_IN +
        rb")((?=[^\s\"']{0,40}[A-Za-z])(?=[^\s\"']{0,40}(?:[0-9]{2}|[!?#&][0-9]))[^\s\"'/:()]{6,128}+)")
        for name in ("login", "admin", "zugangsdaten", "anmeldedaten", "credentials", "creds", "identifiants", "credenciales")
    ),
    *(("door-code", name, 0, b"(?i)" + name.encode() + _TO_OPEN) for name in _DOORS),
    ("door-code", "code", 0, rb"(?i)code[ _-](?:\S{2,5} ){0,2}(?:%s)[^\n0-9]{0,24}" % "|".join(_DOORS).encode() + _NUMBER),
    *(
        ("door-code", name, 0, b"(?i)" + name.encode() + rb"(?:code)?[^\n0-9]{0,24}?" + _NUMBER)
        for name in ("zahlenschloss", "mbination", "padlock", "cadenas", "candado")
    ),
    *(("security-answer", name, 0, b"(?i)" + name.encode() + _ANSWER) for name in ("frage", "question", "pregunta", "質問")),
    *(("recovery-codes", name, 24, _CODES) for name in ("code", "digo", "コード")),
    ("wifi-key", "wifi:", 0, rb"(?i)wifi:[^\n]{0,120}?\bP:((?:[^;\\\n]|\\.){4,128}+);"),
    ("crowdstrike-id", "cid=", 0, rb"(?i)(?<![a-z])cid=([0-9a-f]{32}-[0-9a-f]{2})(?![\w-])"),
    ("ansible-vault", "$ANSIBLE_VAULT;", 0, rb"\$ANSIBLE_VAULT;[\w.;-]{1,80}+((?:[0-9a-f\s]|\\+[nr]){20,16384}+)"),
    *(("recovery-phrase", name, 0, b"(?i)" + name.encode() + _SMALL_WORDS) for name in ("phrase", "mnemonic", "seed")),
    (
        "recovery-phrase", "phrase", 0,
        # Four to eight small words, and none that sentences are made with.
        rb"(?i)phrase(?: (?:for|of|f\xc3\xbcr|pour|para) [^\n:=\"']{1,40})?[\"'\\]{0,4}\s?(?:=|:|is\b)[\s\"']{0,3}"
        rb"((?:(?!the |and |for |at |least |words |must |not |are |can |with |use |your |from )"
        rb"(?-i:[a-z]{3,9})[ ._-]){3,7}(?-i:[a-z]{3,9}))(?=[<.]?(?:\s|\Z|[\"'<]))",
    ),
    *(
        ("password-argument", f" {word} ", 0, b"(?i) " + word.encode() + between + _VALUE)
        for word, between in (
            ("md5", rb" (?:key-string )?(?:[0-9] )?"), ("sha", b" "), ("aes", b" (?:[0-9]{3} )?"), ("user", rb" \S{1,64} using ")
        )
    ),
    # A key as a list of bytes; what a script of a dialogue sends; a password before its encoding; the fifth argument of a call.
    (
        "key-bytes", "key", 0,
        rb"(?i)key(?!code|word|map|board|s\b)\w{0,20}\]?\s{0,4}[=:]?\s{0,4}(?:\[byte\[\]\]\s?)?[@({\[]{0,3}\s?((?:0x)?[0-9a-f]{1,3}(?:\s{0,2},\s{0,2}(?:0x)?[0-9a-f]{1,3}){15,63})\b",
    ),
    ("password-argument", "send ", 0, rb"send (?:-- )?\\{0,7}\"" + _NUMBER_IN + rb"([^\"\\\s$]{6,64}+)\\{1,8}[rn]"),
    ("password-argument", ",ascii,", 65, rb"(?s).{0,64}?,([^,\"'\s]{4,64}+),ascii,"),
    ("password-argument", "login(", 0, rb"login\(\s?\\{0,7}[\"'][^\"'\n]{1,72}[\"']\s?,\s?" + _QUOTED),
    *(
        ("password-argument", call, 0, b"(?i)" + call.encode() + rb"[ (](?:[^,\n]{1,128},){4}\s?" + _QUOTED)
        for call in ("mapnetworkdrive", "registertaskdefinition")
    ),
    ("password-argument", "<<<", 0, rb"<<<\s?\\{0,7}[\"']" + _NUMBER_IN + rb"([^\s\"'$\\]{8,64}+)\\{0,7}[\"']"),
    ("password-argument", "sqlplus ", 0, rb"sqlplus\s{1,4}+(?:-\w\s){0,4}[\"']?[^\s/\"']{1,64}+/([^\s@\"'/]{4,128}+)"),
    ("laps-password", "\"p", 0, rb"\"p\\{0,7}\"\s?:\s?\\{0,7}\"([^\"\\]{8,128}+)(?<=[\w!#$%&*+?.-]{8})(?=\\{0,7}\"\s?\})"),
    ("password-hash", "$krb5", 0, rb"\$krb5[a-z]{2,8}\$\S{20,16384}+"),
    ("password-hash", "::", 0, rb"::[^\s:]{0,64}:([0-9a-fA-F]{16}:[0-9a-fA-F]{32}:[0-9a-fA-F]{20,4096}+)"),
    ("password-hash", " -h", 0, rb"(?i) -h(?:ashes)? (?:[0-9a-f]{32})?:?([0-9a-f]{32})(?![\w-])"),
    ("product-key", "serial", 0,
        rb"(?i)serial[ _-]?(?:n(?:umber|ummer|o|r)\.?)?[\"']?\s?[:=]\s?[\"']?"
        rb"([0-9]{3}-[0-9]{8}|(?:[0-9a-z]{4,5}-){3,6}[0-9a-z]{4,5})(?![\w-])"),
    ("enrolment-token", "ActivationId", 0, rb"ActivationId=[\"'{]{0,2}(" + _GUID + rb")"),
    ("sidekiq-key", "contribsys__com", 0, rb"(?i)contribsys__com\W{1,6}+([0-9a-f]{8}:[0-9a-f]{8})(?![\w-])"),
    ("notify-key", "gcntfy-", 0, rb"gcntfy-[\w-]{1,64}?-(" + _GUID + rb"-" + _GUID + rb")"),
    *(("api-key", at, 0, at.encode() + rb"(" + _GUID + rb"|[0-9a-f]{32,64})(?![\w-])") for at in (" auth ", " any ")),
    ("api-key", "apikey ", 0, rb"(?i)apikey ([\w-]{16,64}+:[\w-]{16,64}+)"),
    ("private-key", "PuTTY-User-Key-File-", 0, rb"PuTTY-User-Key-File-[^\x00]{0,16384}"),
    # A block whose end was cut off is a secret to the last byte of the text.
    ("pem-block", "BEGIN ", 5, rb"----[ -]BEGIN (?:[^-]++|-(?!--[ -]?END ))*+(?:---[ -]?END [^\n-]{0,200}+-{4,5})?"),
)  # fmt: skip

RULES: Final = tuple(Rule(kind, anchor.encode(), back, re.compile(pattern)) for kind, anchor, back, pattern in _TABLE)
