"""Secrets of more than forty kinds, made up at run time: random values in each kind's real shape, none from elsewhere.

A sample is the secret as it is met in the wild (a header, a connection string, a bare token) and the needles that must
be found nowhere afterwards. The same seed gives the same corpus, so that a failure can be looked at again.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

LOWER = string.ascii_lowercase
UPPER = string.ascii_uppercase
DIGITS = string.digits
ALNUM = string.ascii_letters + DIGITS
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"
BASE32 = UPPER + "234567"


@dataclass(frozen=True)
class Sample:
    """One made-up secret: its kind, the text it stands in, and what must not be found afterwards."""

    kind: str
    text: str
    needles: tuple[str, ...]


Made = tuple[str, tuple[str, ...]]
Maker = Callable[[random.Random], Made]
KINDS: dict[str, Maker] = {}


def kind(name: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        assert name not in KINDS, name
        KINDS[name] = maker
        return maker

    return register


def some(r: random.Random, alphabet: str, length: int) -> str:
    return "".join(r.choices(alphabet, k=length))


def mixed(r: random.Random, length: int, symbols: str = "!#%*+-_.^~@") -> str:
    """A password as a policy asks for it: every class of characters, a letter first."""
    must = [r.choice(LOWER), r.choice(UPPER), r.choice(DIGITS), r.choice(symbols)]
    rest = [r.choice(ALNUM + symbols) for _ in range(length - len(must) - 1)]
    r.shuffle(body := must + rest)
    return r.choice(ALNUM) + "".join(body)


def b64(r: random.Random, size: int) -> str:
    return base64.b64encode(r.randbytes(size)).decode()


def b64url(r: random.Random, size: int) -> str:
    return base64.urlsafe_b64encode(r.randbytes(size)).decode().rstrip("=")


def whole(text: str) -> Made:
    return text, (text,)


def _prefixed(prefix: str, alphabet: str, length: int) -> Maker:
    return lambda r: whole(prefix + some(r, alphabet, length))


for _name, _prefix, _alphabet, _length in (
    ("aws access key id", "AK" + "IA", BASE32, 16),
    ("aws session key id", "AS" + "IA", BASE32, 16),
    ("github token", "gh" + "p_", ALNUM, 36),
    ("github server token", "gh" + "s_", ALNUM, 36),
    ("github fine-grained token", "github" + "_pat_", ALNUM + "_", 82),
    ("gitlab token", "gl" + "pat-", URLSAFE, 20),
    ("stripe key", "sk" + "_live_", ALNUM, 24),
    ("google api key", "AI" + "za", URLSAFE, 35),
    ("google client secret", "GOC" + "SPX-", URLSAFE, 28),
    ("npm token", "np" + "m_", ALNUM, 36),
    ("pypi token", "pyp" + "i-AgEIcHlwaS5vcmc", URLSAFE, 120),
    ("hugging face token", "h" + "f_", ALNUM, 34),
    ("digitalocean token", "do" + "p_v1_", HEX, 64),
    ("shopify token", "shp" + "at_", HEX, 32),
    ("databricks token", "da" + "pi", HEX, 32),
    ("docker token", "dck" + "r_pat_", URLSAFE, 27),
    ("vault token", "hv" + "s.", URLSAFE, 90),
    ("mailgun key", "ke" + "y-", HEX, 32),
    ("grafana token", "gl" + "sa_", ALNUM, 41),
    ("new relic key", "NR" + "AK-", UPPER + DIGITS, 27),
    ("age key", "AGE-" + "SECRET-KEY-1", BASE32, 58),
    ("prefect key", "pn" + "u_", ALNUM, 36),
):
    kind(_name)(_prefixed(_prefix, _alphabet, _length))


@kind("slack token")
def _(r: random.Random) -> Made:
    return whole(f"xox{'b'}-{some(r, DIGITS, 12)}-{some(r, DIGITS, 13)}-{some(r, ALNUM, 24)}")


@kind("slack webhook")
def _(r: random.Random) -> Made:
    tail = f"T{some(r, UPPER + DIGITS, 8)}/B{some(r, UPPER + DIGITS, 10)}/{some(r, ALNUM, 24)}"
    return f"https://hooks.slack.com/services/{tail}", (tail.rpartition("/")[2],)


@kind("sendgrid key")
def _(r: random.Random) -> Made:
    first, second = some(r, URLSAFE, 22), some(r, URLSAFE, 43)
    return f"SG{'.'}{first}.{second}", (first, second)


@kind("openai key")
def _(r: random.Random) -> Made:
    return whole(f"sk{'-'}proj-{some(r, ALNUM, 74)}T3{some(r, ALNUM, 40)}")


@kind("jwt")
def _(r: random.Random) -> Made:
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode().rstrip("=")
    claims = json.dumps({"oid": some(r, HEX, 32), "scp": "Directory.Read.All", "exp": r.randrange(10**9, 2 * 10**9)})
    payload = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    signature = b64url(r, 64)
    return f"{header}.{payload}.{signature}", (payload, signature)


@kind("bearer header")
def _(r: random.Random) -> Made:
    token = b64url(r, r.randrange(30, 90))
    return f"Authorization: Bearer {token}", (token,)


@kind("opaque bearer in a sentence")
def _(r: random.Random) -> Made:
    token = some(r, ALNUM, 10) + some(r, DIGITS, 2) + some(r, ALNUM, 20)
    return f"the server refused bearer {token} as expired", (token,)


@kind("basic credentials")
def _(r: random.Random) -> Made:
    pair = base64.b64encode(f"svc-{some(r, LOWER, 6)}:{mixed(r, 16)}".encode()).decode()
    return f"'Authorization': 'Basic {pair}'", (pair,)


@kind("azure storage connection string")
def _(r: random.Random) -> Made:
    key = b64(r, 64)
    return (
        f"DefaultEndpointsProtocol=https;AccountName=st{some(r, LOWER, 8)};AccountKey={key};"
        "EndpointSuffix=core.windows.net",
        (key,),
    )


@kind("azure storage key")
def _(r: random.Random) -> Made:
    return whole(b64(r, 64))


@kind("azure service bus connection string")
def _(r: random.Random) -> Made:
    key = b64(r, 32)
    return (
        f"Endpoint=sb://ns-{some(r, LOWER, 6)}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={key}",
        (key,),
    )


@kind("azure sas url")
def _(r: random.Random) -> Made:
    signature = quote(b64(r, 32), safe="")
    return (
        f"https://st{some(r, LOWER, 6)}.blob.core.windows.net/c/f.json?sv=2024-11-04&se=2027-01-01&sr=b&sp=r&sig={signature}",
        (signature,),
    )


@kind("entra client secret")
def _(r: random.Random) -> Made:
    return whole(f"{some(r, ALNUM, 3)}{r.choice(DIGITS)}Q~{some(r, ALNUM + '-_.~', 33)}a")


@kind("client secret in a form body")
def _(r: random.Random) -> Made:
    secret = mixed(r, 40, symbols="~._-")
    return f"grant_type=client_credentials&client_id=app&client_secret={secret}&scope=x", (secret,)


@kind("aws secret key in a profile")
def _(r: random.Random) -> Made:
    key = some(r, BASE64, 40)
    return f"[default]\naws_secret_access_key = {key}\n", (key,)


@kind("sql server connection string")
def _(r: random.Random) -> Made:
    password = mixed(r, 18)
    return f"Server=tcp:db.example.com,1433;Database=x;User ID=sa;Password={password};Encrypt=True", (password,)


@kind("postgres url")
def _(r: random.Random) -> Made:
    password = some(r, ALNUM, 20)
    return f"postgresql://app:{password}@db.example.com:5432/prod?sslmode=require", (password,)


@kind("mongodb url")
def _(r: random.Random) -> Made:
    password = quote(mixed(r, 16), safe="")
    return f"mongodb+srv://root:{password}@cluster0.example.net/test", (password,)


@kind("redis url")
def _(r: random.Random) -> Made:
    password = some(r, ALNUM, 32)
    return f"redis://:{password}@cache.example.com:6380/0", (password,)


@kind("libpq connection string")
def _(r: random.Random) -> Made:
    password = mixed(r, 14)
    return f"host=db user=app password={password} dbname=x", (password,)


def _pem(r: random.Random, label: str, lines: int, end: str = "\n") -> Made:
    body = [b64(r, 48) for _ in range(lines)]
    block = end.join([f"-----{'BEGIN'} {label}-----", *body, f"-----{'END'} {label}-----"])
    return block, tuple(body)


@kind("rsa private key")
def _(r: random.Random) -> Made:
    return _pem(r, "RSA " + "PRIVATE KEY", 14)


@kind("openssh private key")
def _(r: random.Random) -> Made:
    return _pem(r, "OPENSSH " + "PRIVATE KEY", 7)


@kind("private key in json")
def _(r: random.Random) -> Made:
    block, body = _pem(r, "PRIVATE KEY", 12, end="\\n")
    return f'{{"type": "service_account", "private_key": "{block}\\n"}}', body


@kind("pgp private key")
def _(r: random.Random) -> Made:
    return _pem(r, "PGP " + "PRIVATE KEY BLOCK", 10)


@kind("pkcs12 blob")
def _(r: random.Random) -> Made:
    blob = "MII" + b64(r, 900)
    return blob, (blob[40:120],)


@kind("password in json")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return json.dumps({"userName": "admin", "password": password}), (password,)


@kind("password in escaped json")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return json.dumps({"Message": json.dumps({"AdminPassword": password})}), (password,)


@kind("password in python repr")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return repr({"user": "x", "passwd": password, "n": 1}), (password,)


@kind("password assignment")
def _(r: random.Random) -> Made:
    password = mixed(r, 10)
    return f"DB_PASSWORD={password}", (password,)


@kind("password in yaml")
def _(r: random.Random) -> Made:
    password = mixed(r, 14)
    return f"database:\n  user: app\n  password: {password}\n", (password,)


@kind("password in xml")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return f"<Account><Name>x</Name><Password>{password}</Password></Account>", (password,)


@kind("password in a plist")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return f"<dict>\n\t<key>Password</key>\n\t<string>{password}</string>\n</dict>", (password,)


@kind("password argument")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return f"tool login --user admin --password {password} --force", (password,)


@kind("password in powershell")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return f"$s = ConvertTo-SecureString '{password}' -AsPlainText -Force", (password,)


@kind("password of net user")
def _(r: random.Random) -> Made:
    password = mixed(r, 12, symbols="!#%+-_")
    return f"net user localadmin {password} /add", (password,)


@kind("password in a sentence")
def _(r: random.Random) -> Made:
    password = mixed(r, 14)
    return f"login failed, password is {password}", (password,)


@kind("credentials of curl")
def _(r: random.Random) -> Made:
    password = some(r, ALNUM, 16)
    return f"curl -s -u admin:{password} https://example.com/", (password,)


@kind("netrc")
def _(r: random.Random) -> Made:
    password = mixed(r, 16)
    return f"machine example.com login app password {password}", (password,)


@kind("wifi profile")
def _(r: random.Random) -> Made:
    key = mixed(r, 20, symbols="!#%*+-_.")
    return (
        f"<sharedKey><keyType>passPhrase</keyType><protected>false</protected><keyMaterial>{key}</keyMaterial></sharedKey>",
        (key,),
    )


@kind("wpa supplicant psk")
def _(r: random.Random) -> Made:
    key = mixed(r, 16, symbols="!#%*+-_.")
    return f'network={{\n  ssid="office"\n  psk="{key}"\n}}', (key,)


@kind("session cookie")
def _(r: random.Random) -> Made:
    value = b64url(r, 32)
    return f"Set-Cookie: session={value}; Path=/; HttpOnly", (value,)


@kind("api key header")
def _(r: random.Random) -> Made:
    value = some(r, HEX, 32)
    return f"X-Api-Key: {value}", (value,)


@kind("token in a query")
def _(r: random.Random) -> Made:
    value = some(r, ALNUM, 28)
    return f"https://example.com/cb?state=1&access_token={value}&x=2", (value,)


@kind("guid api key")
def _(r: random.Random) -> Made:
    value = "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))
    return f"HEROKU_API_KEY={value}", (value,)


@kind("telegram bot token")
def _(r: random.Random) -> Made:
    tail = some(r, URLSAFE, 33)
    return f"{some(r, DIGITS, 10)}:AA{tail}", (tail,)


@kind("discord webhook")
def _(r: random.Random) -> Made:
    tail = some(r, URLSAFE, 68)
    return f"https://discord.com/api/webhooks/{some(r, DIGITS, 18)}/{tail}", (tail,)


@kind("terraform token")
def _(r: random.Random) -> Made:
    tail = some(r, URLSAFE, 67)
    return f"{some(r, ALNUM, 14)}.{'atlasv1'}.{tail}", (tail,)


@kind("bitlocker recovery key")
def _(r: random.Random) -> Made:
    return whole("-".join(some(r, DIGITS, 6) for _ in range(8)))


@kind("windows product key")
def _(r: random.Random) -> Made:
    groups = [some(r, "BCDFGHJKMPQRTVWXY2346789", 5) for _ in range(5)]
    groups[2] = "2" + groups[2][1:]
    return whole("-".join(groups))


@kind("totp secret")
def _(r: random.Random) -> Made:
    secret = some(r, BASE32, 32)
    return f"otpauth://totp/x?secret={secret}&issuer=y", (secret,)


@kind("bcrypt hash")
def _(r: random.Random) -> Made:
    tail = some(r, ALNUM + "./", 53)
    return f"$2{'b'}$12${tail}", (tail,)


@kind("secret near its name")
def _(r: random.Random) -> Made:
    secret = some(r, ALNUM, 8) + some(r, DIGITS, 2) + some(r, UPPER, 2) + some(r, LOWER, 2) + some(r, ALNUM, 12)
    return f"cannot use the secret '{secret}' of this app", (secret,)


@kind("german password")
def _(r: random.Random) -> Made:
    password = mixed(r, 12)
    return f"Das Kennwort lautet {password}", (password,)


def corpus(seed: int, per_kind: int = 5) -> list[Sample]:
    """Every kind, `per_kind` times each."""
    r = random.Random(seed)
    return [Sample(name, *maker(r)) for name, maker in KINDS.items() for _ in range(per_kind)]


def needles(samples: list[Sample]) -> Iterator[tuple[Sample, bytes]]:
    """What must not be found, as the bytes to look for."""
    for sample in samples:
        for needle in sample.needles:
            assert len(needle) >= 8, sample
            yield sample, needle.encode()
