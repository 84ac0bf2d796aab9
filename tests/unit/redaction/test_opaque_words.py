"""Words that read like nothing, forms that are public, names in any language: what goes and what stays."""

from __future__ import annotations

import random
import string

import pytest

from runstore.fence.budget import Budget
from runstore.fence.opaque_words import opaque_words
from runstore.fence.redaction import redact, scrub_text
from runstore.fence.token_forms import NAMED, token_forms
from tests.support.harmless_scripts import scripts
from tests.support.secret_corpus import ALNUM


def _found(text: str) -> list[str]:
    data = text.encode()
    return [data[start:end].decode() for start, end, _ in opaque_words(data, Budget(10_000))]


@pytest.mark.parametrize(
    ("alphabet", "length"),
    [
        (string.ascii_letters + string.digits, 20),
        (string.ascii_letters + string.digits + "-_", 40),
        (string.ascii_letters + string.digits + "+/", 43),
        (string.ascii_lowercase + string.digits, 32),
        (string.ascii_uppercase + "234567", 32),
        (string.ascii_letters, 34),
    ],
)
def test_random_words_are_found_whatever_they_are_drawn_from(alphabet: str, length: int) -> None:
    r = random.Random(11)
    words = ["".join(r.choices(alphabet, k=length)) for _ in range(1000)]
    missed = [word for word in words if sum(map(len, _found(f"curl {word} | sh"))) < length - 6]
    assert len(missed) <= 10, missed[:5]


@pytest.mark.parametrize("signs", ["!@#$%^&*", "!#$%&()*+,-./:;<=>?@[]^_{|}~", "-_.!~*", "!#$%&*+?@^~" * 3])
def test_random_words_of_many_signs_are_found(signs: str) -> None:
    r = random.Random(12)
    words = [r.choice(string.ascii_letters) + "".join(r.choices(ALNUM + signs, k=21)) for _ in range(1000)]
    missed = [word for word in words if word in scrub_text(f"was set up with {word} last week")]
    assert len(missed) <= 15, missed[:5]


@pytest.mark.parametrize(
    "text",
    [
        "if(!$x){&$Env:ComSpec} && [Regex]::Match($_,'^[A-Za-z0-9]{2,4}$')",
        "https://portal.contoso.com/?a=1&Page=Devices#/Home;Filter=Win11*",
        "Welcome to Windows11! Is it Office2019? See KB5034441*, 100%.",
        "device_vendor_msft_policy_config_microsoft_edgev119.1~policy~microsoft_edge~_passwordmanagerenabled",
        "Microsoft.CompanyPortal_11.2.119.0_x64__8wekyb3d8bbwe",
        "cjpalhdlnbpafiamejdnhcphjbkeiagm;https://edge.microsoft.com/extensionwebstorebase/v1/crx",
        "UBF8T346G9.com.microsoft.onedrive",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "HKLM\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "00-15-5D-52-A9-E0",
        "9WZDNCRFJ3PZ",
    ],
)
def test_what_people_and_vendors_write_stays(text: str) -> None:
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    ("like", "word"),
    [
        ("9QDYMPQYMOFT", "3QDYMPQYMOFT"),
        ("q111111lsghznoakp", "q120201lsghznoakp"),
        ("bdfacebdfacebdfacebdfacebdfacebdfacebdface111", "bdfacebdfacebdfacebdfacebdfacebdfacebdface123"),
        ("p7e-setakonibenudotudirukokakabx9q", "p8e-setakonibenudotudirukokakabx9q"),
    ],
)
def test_a_word_is_judged_alike_whatever_was_seen_before(like: str, word: str) -> None:
    # Words that differ in their digits are one, but where these say something.
    assert not _found(like)
    assert _found(word)


def test_of_two_hundred_scripts_hardly_a_word_goes() -> None:
    texts = scripts(5, 200)
    gone = [kind for text in texts for kind in redact(text).kinds]
    assert len(gone) <= 0.01 * sum(len(text.split()) for text in texts), gone[:20]


def test_the_table_has_every_kind_with_its_source() -> None:
    forms = token_forms()
    assert len({(form.prefix, form.body) for form in forms}) == len(forms) >= 250
    assert all(form.source.startswith("https://") and form.kind for form in forms)
    assert all(form.least >= 8 for form in forms if form.body != NAMED)


def test_a_public_form_is_told_by_its_kind() -> None:
    word = "aB3x9KfPq2Zr7TyW8vNm"
    assert redact(f"glrt-{word}").kinds == ("gitlab-token",)
    assert redact(f"heroku_app = '{'3fa9c1d2' * 4}'").kinds == ("heroku-token",)
    assert redact("sk_181dbf69-5b64-b6c6-cdc5-89a3ddc2c5c1").kinds == ("freemius-key",)
    # A prefix alone says nothing about words.
    assert scrub_text("re_enrollment_configuration_policy api-management-service") == (
        "re_enrollment_configuration_policy api-management-service"
    )


@pytest.mark.parametrize(
    "text",
    [
        "svc_fooKey={}",
        'old-foo_SECRET :::= "{}"',
        'fooKey , "{}"',
        "set APP_foo.credential: {}",
        "<key>SharedSecret</key><string>{}</string>",
        '{{"name":"radiusSecret","sharedSecret":"{}"}}',
        '{{\\\\\\"sharedSecret\\\\\\": \\\\\\"{}\\\\\\"}}',
        "password: |\n  {}\n",
        "env:\n  - name: DB_PASSWORD\n    value: {}\n",
        "net use \\\\srv\\share {} /user:contoso\\svc",
        'New-ItemProperty -Path HKLM:\\x -Name "ApiKey" -Value "{}"',
        "reg add HKLM\\x /v Password /t REG_SZ /d {} /f",
        "Schlüssel={}",
        "mot de passe : {}",
        "contraseña: {}",
        "接続文字列={}",
    ],
)
def test_the_value_goes_and_the_name_stays(text: str) -> None:
    assert scrub_text(text.format("Sommer2026!")) == text.format("[redacted:assigned]").replace(
        "[redacted:assigned] /user", "[redacted:password-argument] /user"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<key>Password</key>\n\t<string>", "</string>\n</dict>"),
        ("<Password>", "</Password>"),
        ('<add key="Password" value="', '" />'),
        ('{"password": "', '", "x": 1}'),
        ("$password = '", "'\nexit 0"),
    ],
)
def test_what_stands_around_a_word_with_signs_stays(before: str, after: str) -> None:
    made = random.Random(7)
    letters = string.ascii_letters + string.digits + "!$%/()=?+*#-_.:;,@^~|[]{}"
    for _ in range(300):
        word = "".join(made.choices(letters, k=made.randint(10, 20)))
        told = scrub_text(f"{before}{word}{after}")
        assert told.startswith(before), word
        assert told.endswith(after), word
