"""Secrets of more than three hundred kinds, made up at each run: every public form, every way to name a value, and what is left.

`KINDS` are those the fence was written with. `LEFT_OUT` are some sixty that no rule and no row was written for: what the fence
makes of them is what it makes of a kind nobody listed.
"""

from __future__ import annotations

import random
from typing import Final
from uuid import UUID

from runstore.fence.token_forms import NAMED, token_forms
from tests.support import secret_corpus
from tests.support.secret_corpus import ALNUM, BASE64, DIGITS, HEX, LOWER, UPPER, URLSAFE, Made, Maker, Sample, some
from tests.support.secret_templates import TEMPLATES

_ALPHABETS: Final = {
    "h": HEX,
    "g": HEX,
    "u": UPPER + DIGITS,
    "a": ALNUM,
    "w": URLSAFE,
    ".": ALNUM,
    "=": ALNUM,
    "b": BASE64.replace("/", "x"),
}
_NAMES: Final = (
    "svc_fooKey", "old-foo_SECRET", "APP_foo.credential", "SharedSecret", "adminPassword", "wifi_passphrase", "clientToken",
    "device-pin", "challengePassword", "Kennwort", "Geheimnis", "Zugangsdaten", "Schlüssel", "Verbindungszeichenfolge",
    "mot de passe", "jeton", "clé secrète", "identifiants", "contraseña", "clave", "secreto", "credenciales", "パスワード",
    "シークレット", "トークン", "資格情報", "暗証番号", "接続文字列",
)  # fmt: skip
_FORMS: Final = (
    ("=", "{name}={value}"),
    (":=", "{name} := '{value}'"),
    (":::=", '{name} :::= "{value}"'),
    ("=>", "'{name}' => '{value}'"),
    ("comma", '{name} , "{value}"'),
    ("set", "set {name}: {value}"),
    ("json", '{{"id": 7, "{name}": "{value}", "on": true}}'),
    ("json in json", '{{"text": "{{\\"{name}\\": \\"{value}\\"}}"}}'),
    ("plist", "<dict><key>{name}</key>\n  <string>{value}</string></dict>"),
    ("attribute", '<add key="{name}" value="{value}" />'),
    ("yaml", "settings:\n  {name}: '{value}'\n"),
    ("ini", "[main]\n{name} = {value}\n"),
    ("powershell", '${name} = "{value}"'),
)
_COMMANDS: Final = (
    ("switch", "tool.exe --client-secret {value} --force"),
    ("slash switch", "setup.exe /quiet /password:{value}"),
    ("net use", "net use \\\\srv\\share {value} /user:contoso\\svc"),
    ("net use, user first", "net use Z: \\\\srv\\share /user:contoso\\svc {value}"),
    ("scheduled task", "schtasks /create /tn x /ru svc /rp {value}"),
    ("psexec", "psexec \\\\srv -u svc -p {value} cmd"),
    ("secure string", "ConvertTo-SecureString -String {value} -AsPlainText -Force"),
    ("registry", 'New-ItemProperty -Path HKLM:\\SOFTWARE\\Foo -Name "ApiKey" -PropertyType String -Value "{value}"'),
    ("reg add", "reg add HKLM\\SOFTWARE\\Foo /v Password /t REG_SZ /d {value} /f"),
    ("set cookie", "Set-Cookie: session={value}; Path=/"),
    ("sudo", "echo '{value}' | sudo -S true"),
    ("keychain", "security add-generic-password -a svc -w {value}"),
    ("radius", "radius-server host 10.0.0.1 key {value}"),
    ("snmp", "snmp-server community {value} RO"),
    ("snmp by name", "snmpCommunity={value}"),
    ("camel pwd", "svcPwd = {value}"),
    ("small pw", "rootpw={value}"),
    ("connStr", "<connStr>{value}</connStr>"),
    ("code", "Sicherheitscode: {value}"),
    ("seed", 'mfaSeed => "{value}"'),
    ("cookie", 'cookie = "{value}"'),
    ("three quotes", 'password = """{value}"""'),
    ("defaults", "defaults write com.contoso.app apiKey -string {value}"),
    ("tab", "password\t{value}"),
    ("line", "host 10.0.0.1\npassword {value}\nport 1"),
    ("umlauts in a tag", "<Geräte-Passwort>{value}</Geräte-Passwort>"),
    ("yaml list", "env:\n  - name: DB_PASSWORD\n    value: {value}\n"),
)
_PLAIN: Final = (
    "enable secret 0 {}", "ENV DB_PASSWORD {}", "Das Passwort lautet: {}", "db.contoso.com:5432:app:svc:{}",
    '{{"value":"{}","name":"adminPassword"}}', '<add value="{}" key="Password"/>', "Login: admin / {}",
    'expect "Password:"\nsend "{}\\r"', 'ds.setPassword("{}");', 'let secret_key: &str = "{}";',
    'const dbPassword string = "{}"', "db.password=\\\n   {}", "WLAN-Passwort {} ab Montag", "Kennwort\n{}", "Kennwort ({})",
    "Zugangsdaten: svc / {}", "**Password:** `{}`", "password = <<EOT\n{}\nEOT", "gh secret set API_KEY --body '{}'", "Türcode: {}",
)  # fmt: skip
"""Places of a word with a number, which alone says nothing."""
_PINS: Final = (
    "<SimPin>{}</SimPin>",
    "Set-Kiosk -ExitPin {}",
    "BitLocker-PIN: {}",
    '{{"devicePin": {}}}',
    "PIN {}",
    "PUK={}",
)


def _plain(template: str) -> Maker:
    def make(r: random.Random) -> Made:
        value = f"{r.choice(('Tiger', 'fuchs', 'Coffee', 'walnut'))}{r.randrange(2100, 9999)}"
        return template.format(value), (value,)

    return make


def _pin(template: str) -> Maker:
    def make(r: random.Random) -> Made:
        # Of seven digits: shorter ones stand in hashes by chance.
        value = str(r.randrange(2_100_000, 9_999_999))
        return template.format(value), (value,)

    return make


def _word(r: random.Random, alphabet: str, length: int) -> str:
    """Random characters, a digit among them, as every generator of tokens makes them."""
    text = some(r, alphabet, length)
    return text if len(set(text) & set(DIGITS)) > 1 else _word(r, alphabet, length)


def _form(prefix: str, body: str, least: int) -> Maker:
    def make(r: random.Random) -> Made:
        value = _word(r, _ALPHABETS[body], max(least, 20))
        return prefix + value, (value,)

    return make


def _vendor(vendor: str) -> Maker:
    def make(r: random.Random) -> Made:
        value = r.choice((some(r, HEX, 32), some(r, HEX, 40), str(UUID(int=r.getrandbits(128)))))
        form = r.choice(("{}_app = '{}'", "{}={}", "{}||{}", "{},{}", "{}=>{}", "{}>{}", "{}:{}"))
        return form.format(vendor, value), (value,)

    return make


def _password(r: random.Random) -> str:
    """What people choose: words, a year, a sign. Nothing in it looks drawn."""
    word = r.choice(("Sommer", "Winter", "Fruehling", "Dragon", "Welcome", "Montag", "Contoso", "Sunshine"))
    return f"{word}{some(r, LOWER, 3)}{r.randrange(10, 99)}!{r.randrange(10, 99)}"


def _named(name: str, template: str) -> Maker:
    def make(r: random.Random) -> Made:
        value = _password(r)
        return template.format(name=name, value=value), (value,)

    return make


def _left(template: str, digits: int) -> Maker:
    def make(r: random.Random) -> Made:
        value = some(r, HEX, digits)
        return template.format(value), (value,)

    return make


KINDS: Final[dict[str, Maker]] = dict(secret_corpus.KINDS)
for _number, _row in enumerate(token_forms()):
    _title = f"{_row.kind}, row {_number + 1}"
    KINDS[_title] = _vendor(_row.prefix) if _row.body == NAMED else _form(_row.prefix, _row.body, _row.least)
for _number, _name in enumerate(_NAMES):
    for _step in range(2):
        _title, _template = _FORMS[(2 * _number + _step) % len(_FORMS)]
        KINDS[f"{_name} by {_title}"] = _named(_name, _template)
for _title, _template, _digits in (
    ("other scheme", "Authorization: Splunk {}", 32),
    ("customer's id", "CID={}-B5", 32),
    ("ansible vault", "$ANSIBLE_VAULT;1.1;AES256\n{}", 80),
    ("hash of a router", "username admin password 7 {}", 24),
    ("name and hash", "WANDB_API_KEY {}", 40),
):
    KINDS[_title] = _left(_template, _digits)
KINDS["user of an address"] = lambda r: (f"https://{(user := some(r, HEX, 32))}@git.contoso.com/x", (user,))
for _title, _template in _COMMANDS:
    KINDS[f"command: {_title}"] = _named("", _template)
KINDS.update({f"a word and a number: {_template}": _plain(_template) for _template in _PLAIN})
KINDS.update({f"a PIN: {_template}": _pin(_template) for _template in _PINS})
KINDS.update({f"text: {_title}": _maker for _title, _maker in TEMPLATES.items()})

_SHAPES: Final = (
    ("aiven", "AVNS_", URLSAFE, 19), ("astra", "AstraCS:", ALNUM, 64), ("baseten", "", ALNUM, 41), ("bitgo", "v2x", HEX, 64),
    ("bitrise", "", URLSAFE, 86), ("blockfrost", "mainnet", ALNUM, 32), ("cachix", "", ALNUM + "+", 43),
    ("cloudflare token", "", URLSAFE, 40), ("cockroach", "CCDB1_", ALNUM, 46), ("codeclimate", "", ALNUM, 64),
    ("dnsimple", "dnsimple_u_", ALNUM, 32), ("dub", "dub_", ALNUM, 24), ("eventbrite", "", UPPER + DIGITS, 20),
    ("expo", "", URLSAFE, 40), ("fauna", "fnA", URLSAFE, 37), ("fullstory", "na1.", ALNUM, 60), ("gemfury", "", ALNUM, 22),
    ("glean", "glean_", ALNUM, 44), ("godaddy", "e4", ALNUM, 35), ("hookdeck", "hkdk_", ALNUM, 36), ("instana", "", URLSAFE, 22),
    ("jumpcloud", "jca_", ALNUM, 36), ("keygen", "prod-", ALNUM, 64), ("kinde", "kinde_", ALNUM, 40), ("klaviyo", "pk_", HEX, 34),
    ("knock", "sk_knock_", ALNUM, 30), ("lemon", "", URLSAFE, 180), ("liveblocks", "sk_dev_", URLSAFE, 48),
    ("logz", "", ALNUM, 32), ("loops", "", LOWER + DIGITS, 32), ("mergify", "mka_", ALNUM, 60), ("metabase", "mb_", BASE64, 44),
    ("momento", "", ALNUM, 120), ("nightfall", "NF-", ALNUM, 32), ("novu", "", ALNUM, 32),
    ("onesignal", "os_v2_app_", LOWER + "234567", 103),
    ("paddle", "pdl_live_apikey_", ALNUM, 52), ("pangea", "pts_", LOWER + "234567", 32), ("pipedream", "pd_", ALNUM, 32),
    ("porter", "", BASE64, 56), ("prefectless", "pfl_", ALNUM, 33), ("qovery", "qov_", ALNUM, 40), ("recurly", "", ALNUM, 32),
    ("roboflow", "rf_", ALNUM, 20), ("shipstation", "", ALNUM, 32), ("sketchfab", "", ALNUM, 33), ("statsig", "secret-", ALNUM, 43),
    ("stream", "", LOWER + DIGITS, 64), ("tines", "", URLSAFE, 40), ("toggl", "", LOWER + DIGITS, 33), ("upstash", "AX", ALNUM, 58),
    ("valtown", "vtwn_", ALNUM, 32), ("wistia", "", ALNUM, 64), ("wiz", "wiz_", ALNUM, 52), ("ynab", "", URLSAFE, 43),
    ("zilliz", "", HEX + LOWER, 60), ("azure search", "", ALNUM, 52), ("azure devops", "", LOWER + DIGITS, 52),
    ("azure function", "", URLSAFE, 54), ("azure registry", "", ALNUM + "+", 52), ("cosmos key", "", BASE64, 86),
    ("event grid", "", BASE64, 43), ("laps", "", ALNUM, 20), ("totp seed", "", UPPER + "234567", 32), ("magic link", "", ALNUM, 26),
)  # fmt: skip


def _left_out(prefix: str, alphabet: str, length: int) -> Maker:
    def make(r: random.Random) -> Made:
        value = _word(r, alphabet, length) if set(alphabet) & set(DIGITS) else some(r, alphabet, length)
        return prefix + value, (value,)

    return make


_SAID: Final = (
    "Das Startkennwort für neue Geräte ist {}", "Kennwort für das Zertifikat (PFX): {}", "PW ist jetzt {}",
    "PSK fürs Gäste-WLAN: {}", "WLAN Passwort Gäste -> {}", "Benutzer: kiosk, Kennwort: {}",
    "Standardpasswort (neu): {}", "netzwerksicherheitsschlüssel: {}", "Le mdp du poste est {}", "MDP_ADMIN={}",
    "Phrase de passe : {}", "MotDePasseAdmin={}", "[base]\nmot_de_passe={}\n", "identifiants : admin / {}",
    "clé du réseau : {}", "clé pré-partagée : {}", "JETON_ACCES='{}'", "<motDePasse>{}</motDePasse>",
    "La clave del wifi es {}", "contraseña_admin: '{}'", "la contraseña nueva es {}", "secreto compartido: {}",
    "Clave temporal: {}", 'secretoCliente => "{}"', "credenciales: admin/{}", "usuario=kiosco;contraseña={}",
    "export CLAVE_API={}", "llaveApi={}", "管理者パスワード「{}」", "パスワードは{}です", "共有シークレット：{}",
    "暗号化キー＝{}", "<key>パスワード</key><string>{}</string>", "初期パスワード：{}", "シークレット→{}",
    "Temporary password for the kiosks: {}", "ADMIN_PASSWD <- {}", "Wi-Fi (guest) password - {}",
    "CREATE LOGIN svc WITH PASSWORD = N'{}';", 'variable "db_password" {{ default = "{}" }}', "read PASS <<< '{}'",
    "<AutoLogon><Password><Value>{}</Value></Password></AutoLogon>", "sqlcmd -S srv -U sa -P {}",
    "sshpass -p'{}' ssh host", "ALTER USER app IDENTIFIED BY PASSWORD '{}'", "scep challenge phrase -> {}",
    'setx APP_SECRET "{}" /M', "cmdkey /add:srv /pass:{}",
)  # fmt: skip
"""Ways to say it that people have, and that no rule was written for one by one."""

LEFT_OUT: Final[dict[str, Maker]] = {
    **{name: _left_out(prefix, letters, long) for name, prefix, letters, long in _SHAPES},
    **{text: _named("", text.replace("{}", "{value}")) for text in _SAID},
}


def made(kinds: dict[str, Maker], seed: int, each: int = 1) -> list[Sample]:
    """Every kind, `each` times."""
    r = random.Random(seed)
    return [Sample(name, *maker(r)) for name, maker in kinds.items() for _ in range(each)]
