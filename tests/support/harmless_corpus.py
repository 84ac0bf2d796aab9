"""Texts that name things and hold no secret, as tenants and Graph write them: what redaction has to leave alone."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable

PLATFORMS = (
    "Windows 10",
    "Windows 11",
    "Win",
    "iOS",
    "iPadOS",
    "macOS",
    "Android Enterprise",
    "Linux",
    "All Platforms",
)
AREAS = (
    "BitLocker", "Password Policy", "Defender Antivirus", "Firewall", "Wi-Fi Corp", "VPN AlwaysOn", "LAPS", "Edge",
    "OneDrive KFM", "Office 365", "Device Restrictions", "Update Ring", "App Protection", "Compliance", "Kiosk",
    "Passwordless Sign-in", "Token Protection", "Credential Guard", "Secure Boot", "Certificate Trust", "SSO Extension",
    "Windows Hello: PIN", "Local Admin Password", "Auth Strength: MFA", "Session Timeout", "Delivery Optimization",
)  # fmt: skip
RINGS = ("Pilot", "Prod", "Ring 0", "Ring 1", "Test", "VIP", "BYOD", "COPE", "Shared", "v2", "v3.1", "2024-05", "(old)")
WORDS = (
    "device", "password", "minimum", "length", "lock", "token", "secret", "key", "credential", "enabled", "policy",
    "settings", "management", "user", "allow", "block", "history", "complexity", "recovery", "drive", "encryption",
)  # fmt: skip
GERMAN = (
    "Richtlinie für Geräte mit Windows 11 – Mindestlänge des Kennworts: 14 Zeichen",
    "Die Konfiguration „Außendienst Süd“ wurde geändert",
    "BitLocker-Verschlüsselung für Laufwerke erforderlich",
    "Kennwort: erforderlich, Ablauf nach 90 Tagen",
    "Übermäßig viele Änderungen an der Größe des Schlüssels",
    "Zugriff auf das Token der Sitzung ist nicht möglich",
    "Prüfung der Gerätekonformität (Büro München, 3. Stock)",
    "Der Schlüssel: gültig bis Jahresende",
)
JAPANESE = (
    "パスワードの最小文字数は十四文字です",
    "デバイスのコンプライアンス ポリシーが変更されました",
    "東京オフィスの無線LAN設定(本番)",
    "構成プロファイル「営業部」を更新しました",
    "暗号化が必要です。回復キーを保存してください。",
    "トークンの有効期限:九十日",
    "ポリシー名:セキュリティ基準線 2024年版",
)
CSP = (
    "./Device/Vendor/MSFT/Policy/Config/DeviceLock/MinDevicePasswordLength",
    "./User/Vendor/MSFT/PassportForWork/TenantId/Policies/PINComplexity/MinimumPINLength",
    "./Device/Vendor/MSFT/BitLocker/SystemDrivesRecoveryOptions",
    "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\System\\Key",
)
SENTENCES = (
    "Password: minimum length 14, complexity required",
    "The password policy was assigned to 12 groups",
    "passwordRequired = true",
    "passwordMinimumLength: 8",
    "passwordExpirationDays=90",
    "token lifetime: 60 minutes",
    "No key was found for this setting",
    "registry key: present",
    "secret: required",
    "credential provider: default",
    "Require authentication: Kerberos",
    "Bearer authentication is not allowed",
    "Basic authentication disabled",
    "Graph answered 403 (Forbidden), request {guid}",
    "Policy {guid} could not be read",
    "minimumPasswordLength changed from 8 to 12",
    "authorization: granted by the administrator",
    "Microsoft.CompanyPortal_8wekyb3d8bbwe",
    "KB5034441 installed on 10.0.22631.3007",
    "2026-11-23T07:41:09.1234567Z",
    "S-1-5-21-3623811015-3361044348-30300820-1013",
    "S-1-12-1-2421243201-1240984310-1872632471-1238746523",
    "#microsoft.graph.windows10EndpointProtectionConfiguration",
    "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
    "DeviceManagementConfiguration.Read.All",
    "exports/Settings Catalog/Win - Password Policy.json",
    "ServicePrincipalRiskState, UserAuthenticationMethod.Read.All",
    "com.apple.applicationaccess_forcepasswordauthentication",
)


def _guid(r: random.Random) -> str:
    return str(uuid.UUID(int=r.getrandbits(128), version=4))


def policy_name(r: random.Random) -> str:
    form = r.choice(
        ("{p} - {a} - {r}", "{a} ({p})", "[{r}] {p}: {a}", "{p}_{a}_{r}", "CFG-{p}-{a}-{r}", "{a}", "{p} | {a} #{n}")
    )
    text = form.format(p=r.choice(PLATFORMS), a=r.choice(AREAS), r=r.choice(RINGS), n=r.randrange(100))
    return text.replace(" ", "") if r.random() < 0.2 else text


def guid(r: random.Random) -> str:
    return r.choice(("{}", "{{{}}}", "{}_DefaultLimit", "T_{}", "policy {} is gone")).format(_guid(r))


def digest(r: random.Random) -> str:
    name = r.choice(("md5", "sha1", "sha256", "sha384", "sha512"))
    text = hashlib.new(name, r.randbytes(16), usedforsecurity=False).hexdigest()
    return r.choice((text, text.upper(), f"{name}:{text}", f"content hash {text}"))


def setting_id(r: random.Random) -> str:
    stem = r.choice(
        ("device_vendor_msft_policy_config_", "user_vendor_msft_policy_config_", "device_vendor_msft_passportforwork_",
         "com.apple.mobiledevice.passwordpolicy_", "device_vendor_msft_laps_policies_", "linux_mdatp_managed_",
         "device_vendor_msft_bitlocker_", "vendor_msft_firewall_mdmstore_",
         "device_vendor_msft_policy_config_microsoft_edgev119.1~policy~microsoft_edge~")
    )  # fmt: skip
    tail = "_".join("".join(r.choices(WORDS, k=r.randrange(1, 5))) for _ in range(r.randrange(1, 4)))
    end = r.choice(("", "_1", "_0", "_true", "_v2", "_{tenantid}_policies", f"_{r.randrange(20)}"))
    return stem + tail + end


def url(r: random.Random) -> str:
    resource = r.choice(("deviceManagement/configurationPolicies", "deviceManagement/deviceConfigurations",
                         "identity/conditionalAccess/policies", "deviceAppManagement/managedAppPolicies"))  # fmt: skip
    base = f"https://graph.microsoft.com/{r.choice(('beta', 'v1.0'))}/{resource}"
    return r.choice(
        (
            base,
            f"{base}/{_guid(r)}",
            f"{base}('{_guid(r)}')/settings?$expand=settingDefinitions",
            f"{base}?$top=100&$skip={r.randrange(1000)}",
            f"{base}?$filter=lastModifiedDateTime%20gt%202026-01-01T00:00:00Z",
            f"https://intune.microsoft.com/#view/Microsoft_Intune_Workflows/PolicySummaryBlade/policyId/{_guid(r)}/isAssigned~/true",
            f"https://login.microsoftonline.com/{_guid(r)}/oauth2/v2.0/token",
            "https://learn.microsoft.com/en-us/windows/client-management/mdm/policy-csp-devicelock#mindevicepasswordlength",
            "http://localhost:4200/runs/flow-run/" + _guid(r),
        )
    )


def german(r: random.Random) -> str:
    return f"{r.choice(GERMAN)} {r.choice(('', _guid(r), r.choice(AREAS), str(r.randrange(10_000))))}".strip()


def japanese(r: random.Random) -> str:
    return f"{r.choice(JAPANESE)}{r.choice(('', ' ' + r.choice(AREAS), str(r.randrange(1000)), '(' + r.choice(RINGS) + ')'))}"


def sentence(r: random.Random) -> str:
    return r.choice((*SENTENCES, *CSP)).replace("{guid}", _guid(r))


CATEGORIES: dict[str, Callable[[random.Random], str]] = {
    maker.__name__: maker for maker in (policy_name, guid, digest, setting_id, url, german, japanese, sentence)
}


def harmless(seed: int, count: int) -> list[tuple[str, str]]:
    """`count` pairs of category and text, all categories alike."""
    r = random.Random(seed)
    names = list(CATEGORIES)
    return [(name := names[number % len(names)], CATEGORIES[name](r)) for number in range(count)]
