# ruff: noqa: E501 - a policy reads best with one part a line
"""Where people have secrets in exports: policies with a place for one, a file's name, a folder's name.

In a body `§` stands for the text as it is, `§script`, `§utf16` and `§markup` for a base64 text with it in a line of its own, and
`§json` for JSON in a text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final, cast
from urllib.parse import quote

Body = dict[str, Any]


def _base64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def _lines(text: str) -> str:
    return f"# sets it up\nif ($true) {{\n  Write-Host 'go'\n}}\n{text}\nexit 0\n"


def _filled(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {_filled(key, text): _filled(item, text) for key, item in cast(Body, value).items()}
    if isinstance(value, list):
        return [_filled(item, text) for item in cast("list[Any]", value)]
    if not isinstance(value, str) or "§" not in value:
        return value
    made = {
        "§script": lambda: _base64(_lines(text)),
        "§utf16": lambda: base64.b64encode(b"\xff\xfe" + _lines(text).encode("utf-16-le")).decode(),
        "§bare16": lambda: _base64(_lines(text), "utf-16-le"),
        "§markup": lambda: _base64(f"<plist><dict><key>Note</key><string>{text}</string></dict></plist>"),
        "§json": lambda: json.dumps({"settings": [{"note": text}], "n": 1}),
        "§json64": lambda: _base64(json.dumps({"managedProperty": [{"key": "note", "valueString": text}]})),
    }
    return made[value]() if value in made else value.replace("§", text)


def _odata(name: str, **more: Any) -> Body:
    return {"@odata.type": f"#microsoft.graph.{name}", "displayName": "Office devices", **more}


def _catalog(instance: Body, **more: Any) -> Body:
    whole = {"settingDefinitionId": "device_vendor_msft_policy_config_browser_homepages", **instance}
    return {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
        "name": "Office devices",
        "platforms": "windows10",
        "technologies": "mdm",
        "settings": [{"id": "0", "settingInstance": whole}],
        **more,
    }


def _custom(**oma: Any) -> Body:
    return _odata(
        "windows10CustomConfiguration",
        omaSettings=[
            {
                "@odata.type": "#microsoft.graph.omaSettingString",
                "displayName": "Entry",
                "omaUri": "./Vendor/MSFT/Entry",
                "value": "on",
                **oma,
            }
        ],
    )


def _assigned(**target: Any) -> Body:
    return _odata(
        "windows10GeneralConfiguration",
        assignments=[
            {
                "id": "one",
                "target": {
                    "@odata.type": "#microsoft.graph.groupAssignmentTarget",
                    "groupId": "6b1d3c52-0000-4000-8000-000000000001",
                    **target,
                },
            }
        ],
    )


BODIES: Final[dict[str, Body]] = {
    "name": _odata("windows10GeneralConfiguration", displayName="§"),
    "name in words": _odata("windows10GeneralConfiguration", displayName="Kiosk § Munich"),
    "catalogue name": _catalog({"simpleSettingValue": {"value": "a"}}, name="§"),
    "description": _odata("windows10GeneralConfiguration", description="§"),
    "description in words": _odata("windows10CompliancePolicy", description="was set up with § last week"),
    "notes": _odata("windows10GeneralConfiguration", notes="§"),
    "subtype": {"@odata.type": "#microsoft.graph.§Configuration", "displayName": "x", "id": "x"},
    "unknown type": {"@odata.type": "#microsoft.graph.§", "displayName": "x", "assignments": []},
    "assignment id": _odata("windows10GeneralConfiguration", assignments=[{"id": "§", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]),
    "assignment group": _assigned(groupId="§"),
    "assignment group name": _assigned(groupDisplayName="§"),
    "assignment filter": _assigned(deviceAndAppManagementAssignmentFilterId="§", deviceAndAppManagementAssignmentFilterType="include"),
    "assignment type": _assigned(**{"@odata.type": "#microsoft.graph.§"}),
    "assignment extra": _assigned(remark="§"),
    "assignment intent": _odata("windows10GeneralConfiguration", assignments=[{"id": "x", "intent": "§", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]),
    "scope tag": _odata("windows10GeneralConfiguration", roleScopeTagIds=["§"]),
    "unknown property": _odata("windows10GeneralConfiguration", novelty="§"),
    "unknown list": _odata("windows10GeneralConfiguration", novelties=["a", "§"]),
    "unknown object": _odata("windows10GeneralConfiguration", novelty={"inner": {"deep": "§"}}),
    "property name": _odata("windows10GeneralConfiguration", novelty={"§": 1}),
    "property name on top": _odata("windows10GeneralConfiguration", **{"§": True}),
    "known property": _odata("windows10GeneralConfiguration", defenderScanType="§"),
    "exporter's remark": _odata("windows10GeneralConfiguration", **{"#CustomRef_Note": "§"}),
    "metadata": _odata("windows10GeneralConfiguration", **{"@odata.etag": "§"}),
    "created by": _odata("windows10GeneralConfiguration", createdBy="§"),
    "date": _odata("windows10GeneralConfiguration", lastModifiedDateTime="§"),
    "version": _odata("windows10GeneralConfiguration", version="§"),
    "catalogue string": _catalog({"simpleSettingValue": {"value": "§"}}),
    "catalogue json": _catalog({"simpleSettingValue": {"value": "§json"}}),
    "catalogue base64": _catalog({"simpleSettingValue": {"value": "§markup"}}),
    "catalogue collection": _catalog({"simpleSettingCollectionValue": [{"value": "a"}, {"value": "§"}]}),
    "catalogue choice": _catalog({"choiceSettingValue": {"value": "§", "children": []}}),
    "catalogue child": _catalog({"choiceSettingValue": {"value": "device_vendor_msft_policy_config_browser_homepages_1", "children": [{"settingDefinitionId": "device_vendor_msft_x", "simpleSettingValue": {"value": "§"}}]}}),
    "catalogue group": _catalog({"groupSettingCollectionValue": [{"children": [{"settingDefinitionId": "device_vendor_msft_x", "simpleSettingValue": {"value": "§"}}]}]}),
    "catalogue definition": _catalog({"settingDefinitionId": "device_vendor_msft_§", "simpleSettingValue": {"value": "a"}}),
    "catalogue unknown kind": _catalog({"novelSettingValue": {"value": "§"}}),
    "catalogue template": _catalog({"simpleSettingValue": {"value": "a"}}, templateReference={"templateDisplayName": "§"}),
    "OMA string": _custom(value="§"),
    "OMA xml": _custom(**{"@odata.type": "#microsoft.graph.omaSettingStringXml", "fileName": "a.xml", "value": "§markup"}),
    "OMA base64": _custom(**{"@odata.type": "#microsoft.graph.omaSettingBase64", "fileName": "a.bin", "value": "§script"}),
    "OMA name": _custom(displayName="§"),
    "OMA description": _custom(description="§"),
    "OMA uri": _custom(omaUri="./Vendor/MSFT/§"),
    "OMA file": _custom(fileName="§"),
    "script": _odata("deviceManagementScript", fileName="a.ps1", scriptContent="§script"),
    "script, utf-16": _odata("deviceManagementScript", fileName="a.ps1", scriptContent="§utf16"),
    "script, utf-16 without mark": _odata("deviceManagementScript", fileName="a.ps1", scriptContent="§bare16"),
    "script's file": _odata("deviceManagementScript", fileName="§", scriptContent="Z28="),
    "shell script": _odata("deviceShellScript", fileName="a.sh", scriptContent="§script"),
    "detection script": _odata("deviceHealthScript", publisher="p", detectionScriptContent="§script", remediationScriptContent=""),
    "remediation script": _odata("deviceHealthScript", publisher="p", detectionScriptContent="", remediationScriptContent="§script"),
    "publisher": _odata("deviceHealthScript", publisher="§", detectionScriptContent="", remediationScriptContent=""),
    "compliance rules": _odata("windows10CompliancePolicy", deviceCompliancePolicyScript={"deviceComplianceScriptId": "x", "rulesContent": "§json64"}),
    "mobileconfig": _odata("macOSCustomConfiguration", payloadName="p", payloadFileName="a.mobileconfig", payload="§markup"),
    "mobileconfig's name": _odata("macOSCustomConfiguration", payloadName="§", payloadFileName="§", payload="Z28="),
    "android payload": _odata("androidManagedStoreAppConfiguration", packageId="app:com.a", payloadJson="§json64"),
    "ios app settings": _odata("iosMobileAppConfiguration", settings=[{"appConfigKey": "note", "appConfigKeyType": "stringType", "appConfigKeyValue": "§"}]),
    "ios app settings' key": _odata("iosMobileAppConfiguration", settings=[{"appConfigKey": "§", "appConfigKeyType": "stringType", "appConfigKeyValue": "a"}]),
    "ios app settings in xml": _odata("iosMobileAppConfiguration", encodedSettingXml="§markup"),
    "managed app settings": _odata("targetedManagedAppConfiguration", appGroupType="allApps", customSettings=[{"name": "note", "value": "§"}]),
    "managed app settings' name": _odata("targetedManagedAppConfiguration", appGroupType="allApps", customSettings=[{"name": "§", "value": "a"}]),
    "app protection": _odata("iosManagedAppProtection", customBrowserProtocol="§"),
    "notification": _odata("notificationMessageTemplate", defaultLocale="en-us", brandingOptions="none", localizedNotificationMessages=[{"locale": "en-us", "subject": "s", "messageTemplate": "Call us, then § please"}]),
    "notification's subject": _odata("notificationMessageTemplate", defaultLocale="en-us", brandingOptions="none", localizedNotificationMessages=[{"locale": "en-us", "subject": "§", "messageTemplate": "m"}]),
    "template value": _odata("groupPolicyConfiguration", definitionValues=[{"id": "x", "enabled": True, "definition": {"id": "6b1d3c52-0000-4000-8000-00000000000a", "displayName": "D"}, "presentationValues": [{"value": "§", "presentation": {"id": "6b1d3c52-0000-4000-8000-00000000000b", "label": "L"}}]}]),
    "template list": _odata("groupPolicyConfiguration", definitionValues=[{"id": "x", "enabled": True, "definition": {"id": "6b1d3c52-0000-4000-8000-00000000000a"}, "presentationValues": [{"values": [{"name": "§", "value": "§"}], "presentation": {"id": "6b1d3c52-0000-4000-8000-00000000000b"}}]}]),
    "intent value": _odata("deviceManagementIntent", templateId="6b1d3c52-0000-4000-8000-00000000000c", settings=[{"definitionId": "deviceConfiguration--x", "value": "§", "valueJson": '"§"'}]),
    "filter rule": _odata("deviceAndAppManagementAssignmentFilter", platform="windows10AndLater", rule='(device.model -eq "§")'),
    "wifi key": _odata("windowsWifiConfiguration", preSharedKey="§"),
    "pfx": _odata("windows81TrustedRootCertificate", trustedRootCertificate="§", certFileName="a.cer"),
    "vpn xml": _odata("windows10VpnConfiguration", customXml="§markup"),
    "home page": _odata("windows10GeneralConfiguration", edgeHomepageUrls=["https://intranet.contoso.com/?note=§"]),
    "conditional access": _odata("conditionalAccessPolicy", state="enabled", conditions={"applications": {"includeApplications": ["§"]}}, grantControls=None),
    "role": _odata("roleDefinition", isBuiltIn=False, rolePermissions=[{"resourceActions": [{"allowedResourceActions": ["§"]}]}]),
    "autopilot": _odata("azureADWindowsAutopilotDeploymentProfile", deviceNameTemplate="§", outOfBoxExperienceSettings={}),
}  # fmt: skip
"""Place → the policy."""

FILES: Final = ("file", "file in words", "folder")
"""Places that are the name of a file or folder."""


def body_at(place: str, text: str, number: int) -> Body:
    """The policy of the place with the text in it."""
    return {"id": f"{number:08x}-0000-4000-8000-000000000000", **_filled(BODIES[place], text)}


def file_at(place: str, text: str) -> str | None:
    """The path of an export that the text is a name in; `None` for one that no file can have."""
    name = text.replace("\n", " ").strip()
    if "/" in name or "\\" in name or "\0" in name or len(name.encode()) > 180:
        return None
    return {"file": f"{name}.json", "file in words": f"Kiosk {name} Munich.json", "folder": f"{name}/policy.json"}[
        place
    ]


def encodings(secret: str) -> Iterator[bytes]:
    """The secret as it may stand in bytes: plain, escaped in JSON and in a URL, in UTF-16, in base64 at any offset.

    What is left of a short one in base64 stands for six bytes or fewer, which fingerprints hold by chance: it is left out.
    """
    yield from dict.fromkeys(
        (
            secret.encode(),
            json.dumps(secret)[1:-1].encode(),
            quote(secret, safe="").encode(),
            secret.encode("utf-16-le"),
            *(
                inner
                for encoding in ("utf-8", "utf-16-le")
                for offset in range(3)
                if len(inner := _inside(secret.encode(encoding), offset)) >= 12
            ),
        )
    )


def _inside(data: bytes, offset: int) -> bytes:
    """What is left of the data inside of base64, whatever stands around it."""
    encoded = base64.b64encode(b"\n" * offset + data)
    return encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]
