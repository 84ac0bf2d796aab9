# ruff: noqa: E501 - an input reads best in one line
# fmt: off
"""Which policy is which, whom it reaches, who changed it and how much that matters: pairs of exports by kind."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.drift_inputs import (
    G,
    Input,
    Inputs,
    W,
    all_of,
    b64,
    both,
    cat,
    check_input,
    cho,
    exc,
    filt,
    gid,
    grp,
    ios,
    of,
    put,
    sides_at,
    sim,
    wo,
)

INPUTS: Inputs = []
p = partial(put, INPUTS)

# ---- 1 identity
K = '1 identity'
p(K, '4 default enrollment of one name, one changed, YAML', {f'Enrollment Configurations/All users and all devices_{t}.yaml': of(t, None, displayName='All users and all devices', priority=0, **m) for t, m in (('deviceEnrollmentLimitConfiguration', {'limit': 5}), ('deviceEnrollmentPlatformRestrictionsConfiguration', {'iosRestriction': {'platformBlocked': False}}), ('deviceEnrollmentWindowsHelloForBusinessConfiguration', {'state': 'notConfigured'}), ('windows10EnrollmentCompletionPageConfiguration', {'showInstallationProgress': False}))}, {f'Enrollment Configurations/All users and all devices_{t}.yaml': of(t, None, displayName='All users and all devices', priority=0, **m) for t, m in (('deviceEnrollmentLimitConfiguration', {'limit': 5}), ('deviceEnrollmentPlatformRestrictionsConfiguration', {'iosRestriction': {'platformBlocked': True}}), ('deviceEnrollmentWindowsHelloForBusinessConfiguration', {'state': 'notConfigured'}), ('windows10EnrollmentCompletionPageConfiguration', {'showInstallationProgress': False}))}, [('modified', 'platformBlocked', 'high')])
p(K, 'rename + archive of the old file + group changed (icd)', {'Settings Catalog/Old.json': cat(None, sim('d', 1), sim('e', 2), name='Old', assignments=[grp(groupName='A')])}, {'Settings Catalog/New.json': cat(None, sim('d', 1), sim('e', 2), name='New', assignments=[grp(groupName='B')]), '__archive__/2026-01-01/Settings Catalog/Old.json': cat(None, sim('d', 1), sim('e', 2), name='Old', assignments=[grp(groupName='A')])}, [('modified', 'name'), ('modified', 'assignments[group, A]'), ('modified', 'assignments[group, B]')])
p(K, 'rename of two of the same content swapped names', {'a.json': of('iosCompliancePolicy', None, displayName='A', passcodeRequired=True), 'b.json': of('iosCompliancePolicy', None, displayName='B', passcodeRequired=False)}, {'a.json': of('iosCompliancePolicy', None, displayName='A', passcodeRequired=False), 'b.json': of('iosCompliancePolicy', None, displayName='B', passcodeRequired=True)}, [('modified', 'passcodeRequired', 'high', 'A'), ('modified', 'passcodeRequired', 'high', 'B')])
p(K, 'case of name changed no id', {'P.json': of('macOSGeneralDeviceConfiguration', None, displayName='Baseline')}, {'P.json': of('macOSGeneralDeviceConfiguration', None, displayName='BASELINE')}, [('modified', 'displayName', 'info')])
p(K, 'two templates of a family in catalog same name (AV and FW) same file names by number', {'SettingsCatalog/Sec.json': cat(None, sim('a', 1), name='Sec', technologies='mdm,microsoftSense', templateReference={'templateFamily': 'endpointSecurityAntivirus'}), 'SettingsCatalog/Sec (1).json': cat(None, sim('f', 1), name='Sec', technologies='mdm,microsoftSense', templateReference={'templateFamily': 'endpointSecurityFirewall'})}, {'SettingsCatalog/Sec.json': cat(None, sim('f', 1), name='Sec', technologies='mdm,microsoftSense', templateReference={'templateFamily': 'endpointSecurityFirewall'}), 'SettingsCatalog/Sec (1).json': cat(None, sim('a', 1), name='Sec', technologies='mdm,microsoftSense', templateReference={'templateFamily': 'endpointSecurityAntivirus'})}, [])
p(K, 'two of one name one kind, one removed and other changed file number', {'X/Sec.json': of('windows10CustomConfiguration', None, a=1), 'X/Sec_2.json': of('windows10CustomConfiguration', None, a=2)}, {'X/Sec.json': of('windows10CustomConfiguration', None, a=2)}, [('removed', '')])
p(K, 'app same name win32 and store no ids', {'Applications/Windows/Foo_win32LobApp.json': of('win32LobApp', None, displayName='Foo', installCommandLine='a'), 'Applications/Windows/Foo_winGetApp.json': of('winGetApp', None, displayName='Foo', packageIdentifier='x')}, {'Applications/Windows/Foo_win32LobApp.json': of('win32LobApp', None, displayName='Foo', installCommandLine='evil'), 'Applications/Windows/Foo_winGetApp.json': of('winGetApp', None, displayName='Foo', packageIdentifier='x')}, [('modified', 'installCommandLine', 'high')])
p(K, 'duplicate ids by copy in a second export folder within', {'2026-01/x.json': of('iosCompliancePolicy', 1, a=1)}, {'2026-01/x.json': of('iosCompliancePolicy', 1, a=1), '2026-02/x.json': of('iosCompliancePolicy', 1, a=2)}, [], ['compliance'], fails=['duplicate_policy_id'])
p(K, 'CA policies without id of one name', {'Conditional Access/MFA.json': {'displayName': 'MFA', 'state': 'enabled', 'conditions': {'a': 'x'}, 'grantControls': None}, 'Conditional Access/MFA1.json': {'displayName': 'MFA', 'state': 'enabled', 'conditions': {'a': 'y'}, 'grantControls': None}}, {'Conditional Access/MFA.json': {'displayName': 'MFA', 'state': 'enabled', 'conditions': {'a': 'x'}, 'grantControls': None}, 'Conditional Access/MFA1.json': {'displayName': 'MFA', 'state': 'disabled', 'conditions': {'a': 'y'}, 'grantControls': None}}, [('modified', 'state', 'critical')])
p(K, 'retargeted and re-created with id', {'x.json': of('windows10CompliancePolicy', 1, bitLockerEnabled=True, osMinimumVersion='10', tpmRequired=True, assignments=[grp(groupId=gid(5))])}, {'x.json': of('windows10CompliancePolicy', 2, bitLockerEnabled=True, osMinimumVersion='10', tpmRequired=True, assignments=[grp(groupId=gid(6))])}, [('recreated', gid(5)), ('recreated', gid(6))])
p(K, 'rename with id + moved folder + yaml', {'Compliance Policies/Policies/Old.json': of('iosCompliancePolicy', 1, displayName='Old')}, {'X/New.yaml': of('iosCompliancePolicy', 1, displayName='New')}, [('modified', 'displayName', 'info')])
p(K, 'scripts of one name: two different shell + ps', {'Scripts/Shell/S.json': of('deviceShellScript', None, displayName='S', scriptContent=b64('a\n')), 'Scripts/Powershell/S.json': of('deviceManagementScript', None, displayName='S', scriptContent=b64('a\n'))}, {'Scripts/Shell/S.json': of('deviceShellScript', None, displayName='S', scriptContent=b64('a\n')), 'Scripts/Powershell/S.json': of('deviceManagementScript', None, displayName='S', scriptContent=b64('b\n'))}, [('modified', 'scriptContent', 'high')])
# ---- 2 assignments
K = '2 assignments'
p(K, 'group by name renamed (icd): one gone other come', {'a.json': cat(None, sim('d', 1), assignments=[grp(groupName='A')])}, {'a.json': cat(None, sim('d', 1), assignments=[grp(groupName='A2')])}, [('modified', '[group, A]'), ('modified', '[group, A2]')])
p(K, 'exclude added by name on app protection', {'a.json': of('iosManagedAppProtection', None, assignments=[grp(groupName='A')])}, {'a.json': of('iosManagedAppProtection', None, assignments=[grp(groupName='A'), exc(groupName='VIP')])}, [('modified', 'VIP', 'high')])
p(K, 'icd filter id holds filter name include->exclude', {'a.json': cat(None, sim('d', 1), assignments=[{'target': {'@odata.type': G + 'allDevicesAssignmentTarget', 'deviceAndAppManagementAssignmentFilterId': 'Corp', 'deviceAndAppManagementAssignmentFilterType': 'include'}}])}, {'a.json': cat(None, sim('d', 1), assignments=[{'target': {'@odata.type': G + 'allDevicesAssignmentTarget', 'deviceAndAppManagementAssignmentFilterId': 'Corp', 'deviceAndAppManagementAssignmentFilterType': 'exclude'}}])}, [('modified', 'all_devices', 'high')])
p(K, 'deleted group: icd writes null groupName w/o id', {'a.json': of('iosCompliancePolicy', None, assignments=[grp(groupName='A')])}, {'a.json': of('iosCompliancePolicy', None, assignments=[grp(groupName=None)])}, [('modified', '[group, A]'), ('modified', 'assignments')])
p(K, 'two deleted groups no name no id -> one', {'a.json': of('iosCompliancePolicy', None, assignments=[grp(), grp(), grp(groupName='A')])}, {'a.json': of('iosCompliancePolicy', None, assignments=[grp(), grp(groupName='A')])}, [('modified', 'assignments')])
p(K, 'filter null type none vs absent noise', {'a.json': of('iosCompliancePolicy', 1, assignments=[grp(groupId=gid(5), deviceAndAppManagementAssignmentFilterId=None, deviceAndAppManagementAssignmentFilterType='none')])}, {'a.json': of('iosCompliancePolicy', 1, assignments=[grp(groupId=gid(5))])}, [])
p(K, 'app: intent required -> uninstall all devices', {'a.json': of('win32LobApp', 1, assignments=[{'intent': 'required', 'target': {'@odata.type': G + 'allDevicesAssignmentTarget'}}])}, {'a.json': of('win32LobApp', 1, assignments=[{'intent': 'uninstall', 'target': {'@odata.type': G + 'allDevicesAssignmentTarget'}}])}, [('modified', 'all_devices', 'high')])
p(K, 'same group two intents (available+required), one gone', {'a.json': of('winGetApp', 1, assignments=[{'intent': 'available', 'target': grp(groupId=gid(5))['target']}, {'intent': 'required', 'target': grp(groupId=gid(5))['target']}])}, {'a.json': of('winGetApp', 1, assignments=[{'intent': 'available', 'target': grp(groupId=gid(5))['target']}])}, [('modified', 'assignments')])
p(K, 'pascal sdk assignment with groupId in AdditionalProperties', {'a.json': {'Id': gid(1), 'DisplayName': 'P', 'AdditionalProperties': {'@odata.type': G + 'iosCompliancePolicy'}, 'Assignments': [{'Id': 'x', 'Target': {'DeviceAndAppManagementAssignmentFilterId': None, 'DeviceAndAppManagementAssignmentFilterType': 'none', 'AdditionalProperties': {'@odata.type': G + 'groupAssignmentTarget', 'groupId': gid(5)}}}]}}, {'a.json': {'Id': gid(1), 'DisplayName': 'P', 'AdditionalProperties': {'@odata.type': G + 'iosCompliancePolicy'}, 'Assignments': [{'Id': 'x', 'Target': {'DeviceAndAppManagementAssignmentFilterId': None, 'DeviceAndAppManagementAssignmentFilterType': 'none', 'AdditionalProperties': {'@odata.type': G + 'groupAssignmentTarget', 'groupId': gid(6)}}}]}}, [('modified', gid(5)), ('modified', gid(6))])
p(K, 'assignment settings of app (restart grace) changed', {'a.json': of('win32LobApp', 1, assignments=[{'intent': 'required', 'settings': {'@odata.type': G + 'win32LobAppAssignmentSettings', 'notifications': 'showAll', 'restartSettings': None}, 'target': grp(groupId=gid(5))['target']}])}, {'a.json': of('win32LobApp', 1, assignments=[{'intent': 'required', 'settings': {'@odata.type': G + 'win32LobAppAssignmentSettings', 'notifications': 'hideAll', 'restartSettings': None}, 'target': grp(groupId=gid(5))['target']}])}, [('modified', 'assignments')])
p(K, 'IM #CustomRef group names beside ids changed name only', {'a.json': of('iosCompliancePolicy', 1, assignments=[grp(groupId=gid(5), **{'#CustomRef_GroupName': 'A'})])}, {'a.json': of('iosCompliancePolicy', 1, assignments=[grp(groupId=gid(5), **{'#CustomRef_GroupName': 'B'})])}, [])
p(K, "dynamic group's rule changed by icd in catalog policy exclude", {'a.json': cat(None, sim('d', 1), assignments=[exc(groupName='A', groupType='DynamicMembership', membershipRule='(a)')])}, {'a.json': cat(None, sim('d', 1), assignments=[exc(groupName='A', groupType='DynamicMembership', membershipRule='(b)')])}, [('modified', 'A', 'high')])
p(K, 'health script schedule changed', {'a.json': of('deviceHealthScript', None, publisher='x', detectionScriptContent=b64('exit 0'), assignments=[{'runRemediationScript': True, 'runSchedule': {'@odata.type': G + 'deviceHealthScriptDailySchedule', 'interval': 1, 'time': '01:00:00'}, **grp(groupName='A')}])}, {'a.json': of('deviceHealthScript', None, publisher='x', detectionScriptContent=b64('exit 0'), assignments=[{'runRemediationScript': False, 'runSchedule': {'@odata.type': G + 'deviceHealthScriptDailySchedule', 'interval': 1, 'time': '01:00:00.0000000'}, **grp(groupName='A')}])}, [('modified', 'A')])
p(K, "unassigned from 'assigned' where IBR writes 'Assignments' file empty", {'Device Configurations/P.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/Assignments/P.json': [grp(groupId=gid(5))]}, {'Device Configurations/P.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/Assignments/P.json': []}, [('modified', gid(5))])
p(K, 'scope tag membership & role assignment members', {'Role Assignments/r.json': of('deviceAndAppManagementRoleAssignment', 1, members=[gid(5)], scopeMembers=[gid(6)], resourceScopes=[gid(6)])}, {'Role Assignments/r.json': of('deviceAndAppManagementRoleAssignment', 1, members=[gid(5), gid(7)], scopeMembers=[gid(6)], resourceScopes=[gid(6)])}, [('modified', 'members', 'high')])
# ---- 3 who
K = '3 who'
p(K, 'same change in 5 + own change in one', {f'{n}.json': of('windows10EndpointProtectionConfiguration', n, displayName=f'E{n}', bitLockerEncryptDevice=True, firewallBlockStatefulFTP=False) for n in range(1, 6)}, {f'{n}.json': of('windows10EndpointProtectionConfiguration', n, displayName=f'E{n}', bitLockerEncryptDevice=False, firewallBlockStatefulFTP=n == 3) for n in range(1, 6)}, [('modified', 'bitLockerEncryptDevice', 'high')] * 5 + [('modified', 'firewallBlockStatefulFTP', 'high')])
p(K, 'property appears with different values in all 4', {f'{n}.json': of('iosGeneralDeviceConfiguration', n, displayName=f'E{n}') for n in range(1, 5)}, {f'{n}.json': of('iosGeneralDeviceConfiguration', n, displayName=f'E{n}', newOne=n % 2) for n in range(1, 5)}, [('platform_change', 'newOne')], check=lambda A, B, c: len(c.findings[0].policies) == 4)
p(K, 'null -> value in all 4 is somebody', {f'{n}.json': of('iosGeneralDeviceConfiguration', n, displayName=f'E{n}', cameraBlocked=None) for n in range(1, 5)}, {f'{n}.json': of('iosGeneralDeviceConfiguration', n, displayName=f'E{n}', cameraBlocked=True) for n in range(1, 5)}, [('modified', 'cameraBlocked')] * 4)
p(K, 'a catalogue setting removed from all 4 is somebody', {f'{n}.json': cat(n, sim('device_vendor_msft_policy_config_defender_allowrealtimemonitoring', 1), sim('x', n), name=f'E{n}') for n in range(1, 5)}, {f'{n}.json': cat(n, sim('x', n), name=f'E{n}') for n in range(1, 5)}, [('modified', 'defender', 'high')] * 4)
p(K, 'all unassigned at once', {f'{n}.json': cat(n, sim('x', n), name=f'E{n}', assignments=[grp(groupId=gid(5))]) for n in range(1, 5)}, {f'{n}.json': cat(n, sim('x', n), name=f'E{n}', assignments=[]) for n in range(1, 5)}, [('modified', 'assignments', 'medium')] * 4)
p(K, 'all CA policies deleted', {f'{n}.json': {'id': gid(n), 'displayName': f'C{n}', 'state': 'enabled', 'conditions': {}, 'grantControls': None} for n in range(1, 4)} | W, W, [('removed', '', 'critical')] * 3)
p(K, 'platform removes property in all 3 profile', {f'{n}.json': of('windowsUpdateForBusinessConfiguration', n, displayName=f'E{n}', previewBuildOptIn='x') for n in range(1, 4)}, {f'{n}.json': of('windowsUpdateForBusinessConfiguration', n, displayName=f'E{n}') for n in range(1, 4)}, [('platform_change', 'previewBuildOptIn')])
p(K, 'recreated: CA with exclusion added', {'a.json': {'id': gid(1), 'displayName': 'C', 'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All'], 'excludeUsers': []}, 'applications': {'includeApplications': ['All']}}, 'grantControls': {'builtInControls': ['mfa']}}}, {'a.json': {'id': gid(2), 'displayName': 'C', 'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All'], 'excludeUsers': [gid(9)]}, 'applications': {'includeApplications': ['All']}}, 'grantControls': {'builtInControls': ['mfa']}}}, [('recreated', 'excludeUsers', 'critical')])
# severities per type
K = '3 severity'

def s(t: str, path: str, x: Any, y: Any, level: str, **base: Any) -> None:
    """One property of one type, changed."""
    def body(value: Any) -> dict[str, Any]:
        made = of(t, 1, **base)
        *above, last = path.split("/")
        holder = made
        for name in above:
            holder = holder.setdefault(name, {})
        return made if value is None else made | {above[0]: holder | {last: value}} if above else made | {last: value}

    p(K, f"{t} {path}", {"a.json": body(x)}, {"a.json": body(y)}, [("modified", path.rpartition("/")[2], level)])

def sc(d, x, y, sev):
    p(K, 'catalog ' + d, {'a.json': cat(1, cho(d, x))}, {'a.json': cat(1, cho(d, y))}, [('modified', d, sev)])
sc('device_vendor_msft_policy_config_localpoliciessecurityoptions_useraccountcontrol_runalladministratorsinadminapprovalmode', 1, 0, 'high')
sc('device_vendor_msft_policy_config_localpoliciessecurityoptions_useraccountcontrol_behavioroftheelevationpromptforstandardusers', 0, 1, 'high')
sc('device_vendor_msft_policy_config_lanmanworkstation_enableinsecureguestlogons', 0, 1, 'high')
sc('device_vendor_msft_policy_config_dmaguard_deviceenumerationpolicy', 0, 2, 'high')
sc('device_vendor_msft_policy_config_windowspowershell_turnonpowershellscriptblocklogging', 1, 0, 'high')
sc('device_vendor_msft_policy_config_audit_accountlogonlogoff_auditlogon', 3, 0, 'high')
sc('com.apple.systempolicy.control_enableassessment', 'true', 'false', 'high')
sc('device_vendor_msft_policy_config_experience_allowmanualmdmunenrollment', 0, 1, 'high')
sc('device_vendor_msft_policy_config_update_pausequalityupdates', 0, 1, 'high')
sc('device_vendor_msft_policy_config_autoplay_turnoffautoplay', 1, 0, 'high')
sc('device_vendor_msft_policy_config_remoteassistance_unsolicitedremoteassistance', 0, 1, 'high')
sc('device_vendor_msft_policy_config_admx_msi_alwaysinstallelevated', 0, 1, 'high')
sc('device_vendor_msft_policy_config_system_allowtelemetry', 0, 3, 'medium')
p(K, 'catalog edge extension forcelist', {'a.json': cat(1, {'id': '0', 'settingInstance': {'settingDefinitionId': 'device_vendor_msft_policy_config_microsoft_edge~policy~microsoft_edge~extensions_extensioninstallforcelist_extensioninstallforcelistdesc', 'simpleSettingCollectionValue': [{'value': 'a'}]}})}, {'a.json': cat(1, {'id': '0', 'settingInstance': {'settingDefinitionId': 'device_vendor_msft_policy_config_microsoft_edge~policy~microsoft_edge~extensions_extensioninstallforcelist_extensioninstallforcelistdesc', 'simpleSettingCollectionValue': [{'value': 'a'}, {'value': 'b'}]}})}, [('modified', 'extensioninstallforcelist', 'high')])
def tmpl(en, name, cat_):
    return of('groupPolicyConfiguration', 1, definitionValues=[{'id': 'v', 'enabled': en, 'definition': {'id': gid(77), 'displayName': name, 'categoryPath': cat_, 'classType': 'machine'}, 'presentationValues': []}])
p(K, "template 'Turn off Microsoft Defender Antivirus' by GUID", {'a.json': tmpl(False, 'Turn off Microsoft Defender Antivirus', '\\Windows Components\\Microsoft Defender Antivirus')}, {'a.json': tmpl(True, 'Turn off Microsoft Defender Antivirus', '\\Windows Components\\Microsoft Defender Antivirus')}, [('modified', gid(77), 'high')])
p(K, "template 'Choose drive encryption method' by GUID removed", {'a.json': tmpl(True, 'Choose drive encryption method and cipher strength', '\\Windows Components\\BitLocker Drive Encryption')}, {'a.json': of('groupPolicyConfiguration', 1, definitionValues=[])}, [('modified', gid(77), 'high')])
p(K, 'template desktop wallpaper medium', {'a.json': tmpl(True, 'Desktop Wallpaper', '\\Desktop')}, {'a.json': tmpl(False, 'Desktop Wallpaper', '\\Desktop')}, [('modified', gid(77), 'medium-')])
s('windowsWifiConfiguration', 'wifiSecurityType', 'wpa2Personal', 'open', 'high')
s('iosWiFiConfiguration', 'wiFiSecurityType', 'wpaEnterprise', 'open', 'high')
s('windows81SCEPCertificateProfile', 'scepServerUrls', ['https://a'], ['https://evil'], 'high')
s('windows81SCEPCertificateProfile', 'subjectAlternativeNameFormatString', '{{UserPrincipalName}}', 'admin@x', 'high')
s('androidDeviceOwnerGeneralDeviceConfiguration', 'appsAllowInstallFromUnknownSources', False, True, 'high')
s('androidDeviceOwnerGeneralDeviceConfiguration', 'securityDeveloperSettingsEnabled', False, True, 'high')
s('windows10GeneralConfiguration', 'developerUnlockSetting', 'blocked', 'allowed', 'high')
s('iosEasEmailProfileConfiguration', 'hostName', 'mail.a', 'mail.evil', 'high')
s('iosEasEmailProfileConfiguration', 'requireSsl', True, False, 'high')
s('macOSCustomConfiguration', 'payload', b64('<plist><a/></plist>'), b64('<plist><b/></plist>'), 'high')
s('windowsUpdateForBusinessConfiguration', 'qualityUpdatesDeferralPeriodInDays', 0, 30, 'high')
s('windowsQualityUpdateProfile', 'expeditedUpdateSettings/daysUntilForcedReboot', 2, 0, 'high')
s('windowsDriverUpdateProfile', 'deploymentDeferralInDays', 0, 30, 'high', approvalType='automatic')
s('deviceManagementSettings', 'secureByDefault', True, False, 'high')
s('deviceManagementSettings', 'deviceComplianceCheckinThresholdDays', 30, 120, 'high')
s('managedDeviceCleanupRule', 'deviceInactivityBeforeRetirementInDays', 270, 30, 'high')
s('countryNamedLocation', 'countryLookupMethod', 'authenticatorAppGps', 'clientIpAddress', 'high')
s('intuneBrandingProfile', 'contactITPhoneNumber', '1', '2', 'medium', profileName='B')
s('applePushNotificationCertificate', 'topicIdentifier', 'a', 'b', 'high', appleIdentifier='a@b')
s('androidManagedStoreAccountEnterpriseSettings', 'bindStatus', 'boundAndValidated', 'notBound', 'high')
s('mobileThreatDefenseConnector', 'androidEnabled', True, False, 'high')
s('depOnboardingSetting', 'tokenExpirationDateTime', '2027-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'medium', tokenName='t')
s('roleScopeTag', 'description', 'a', 'b', 'info')
s('deviceEnrollmentWindowsHelloForBusinessConfiguration', 'enhancedBiometricsState', 'enabled', 'disabled', 'high')
s('deviceEnrollmentLimitConfiguration', 'limit', 5, 15, 'medium')
s('windows10EnrollmentCompletionPageConfiguration', 'allowDeviceUseBeforeProfileAndAppInstallComplete', False, True, 'medium')
s('azureADWindowsAutopilotDeploymentProfile', 'outOfBoxExperienceSettings/userType', 'standard', 'administrator', 'high')
s('androidWorkProfileGeneralDeviceConfiguration', 'workProfileDataSharingType', 'deviceDefault', 'allowPersonalToWork', 'high')
s('windowsKioskConfiguration', 'kioskBrowserDefaultUrl', 'https://a', 'https://evil', 'medium')
s('iosCustomConfiguration', 'payload', b64('<plist><a/></plist>'), b64('<plist><b/></plist>'), 'high')
s('deviceManagementScript', 'runAsAccount', 'user', 'system', 'high', scriptContent=b64('a'))
s('win32LobApp', 'installExperience/runAsAccount', 'user', 'system', 'high')
s('macOSPkgApp', 'preInstallScript/scriptContent', b64('a\nb'), b64('a\nc'), 'high')
s('termsAndConditions', 'bodyText', 'a', 'b', 'medium', title='t')
s('identitySecurityDefaultsEnforcementPolicy', 'isEnabled', True, False, 'critical')
s('authorizationPolicy', 'allowInvitesFrom', 'adminsAndGuestInviters', 'everyone', 'high')
s('authenticationStrengthPolicy', 'allowedCombinations', ['fido2'], ['fido2', 'sms'], 'high')
s('crossTenantAccessPolicyConfigurationPartner', 'inboundTrust/isMfaAccepted', False, True, 'high', tenantId=gid(50))
s('deviceAndAppManagementAssignmentFilter', 'rule', '(a)', '(b)', 'high', platform='iOS')
p(K, "removed catalog policy 'Baseline 7' with BitLocker in it", {'a.json': cat(1, cho('device_vendor_msft_bitlocker_requiredeviceencryption', 1), name='Baseline 7', assignments=[grp(groupId=gid(5))])} | W, W, [('removed', '', 'high')])
p(K, "added catalog policy 'Test' with Defender exclusions", W, {'a.json': cat(1, sim('device_vendor_msft_policy_config_defender_excludedpaths', 'c:\\'), name='Test', assignments=[grp(groupId=gid(5))])} | W, [('added', '', 'high')])
p(K, 'removed catalog policy of wallpaper', {'a.json': cat(1, sim('device_vendor_msft_policy_config_desktop_wallpaper', 'x'), name='Look', assignments=[])} | W, W, [('removed', '', 'medium-')])
p(K, 'removed endpoint protection profile by plain name', {'a.json': of('windows10EndpointProtectionConfiguration', 1, displayName='Std', bitLockerEncryptDevice=True)} | W, W, [('removed', '', 'high')])
p(K, 'removed apple push cert', {'a.json': of('applePushNotificationCertificate', None, appleIdentifier='a@b')} | W, W, [], ['apns_certificate'])
p(K, 'role definition permission added', {'a.json': of('roleDefinition', 1, isBuiltIn=False, rolePermissions=[{'resourceActions': [{'allowedResourceActions': ['a'], 'notAllowedResourceActions': []}]}])}, {'a.json': of('roleDefinition', 1, isBuiltIn=False, rolePermissions=[{'resourceActions': [{'allowedResourceActions': ['a', 'b'], 'notAllowedResourceActions': []}]}])}, [('modified', 'rolePermissions', 'high')])
K = '1 identity'
def intent(n, t, **m):
    return {'displayName': n, 'templateId': gid(t), 'description': '', 'settingsDelta': [{'definitionId': 'd', 'valueJson': 'true'}], **m}
p(K, 'ibr intents of one name of two templates', {f'Device Management Intents/AV/{gid(1)}_Base.json': intent('Base', 1), f'Device Management Intents/FW/{gid(2)}_Base.json': intent('Base', 2)}, {f'Device Management Intents/AV/{gid(1)}_Base.json': intent('Base', 1), f'Device Management Intents/FW/{gid(2)}_Base.json': intent('Base', 2, settingsDelta=[{'definitionId': 'd', 'valueJson': 'false'}])}, [('modified', 'd', 'high')], 'any', check=sides_at('d', True, False))
p(K, 'icd yaml ios and android compliance of one name', {'Compliance Policies/Policies/B_iosCompliancePolicy.yaml': ios(None, displayName='B'), 'Compliance Policies/Policies/B_androidCompliancePolicy.yaml': of('androidCompliancePolicy', None, displayName='B', passwordRequired=True)}, {'Compliance Policies/Policies/B_iosCompliancePolicy.yaml': ios(None, displayName='B'), 'Compliance Policies/Policies/B_androidCompliancePolicy.yaml': of('androidCompliancePolicy', None, displayName='B', passwordRequired=False)}, [('modified', 'passwordRequired', 'high')], check=sides_at('passwordRequired', True, False))
p(K, 'icd filter renamed', both('Filters/Old.yaml', filt('Old')), both('Filters/New.yaml', filt('New')), [('modified', 'displayName', 'info-', 'New')], check=sides_at('displayName', 'Old', 'New'))
p(K, 'icd shell script renamed', both('Scripts/Shell/A.json', of('deviceShellScript', None, displayName='A', scriptContent=b64('x\n'))), both('Scripts/Shell/B.json', of('deviceShellScript', None, displayName='B', scriptContent=b64('x\n'))), [('modified', 'displayName')])
p(K, 'icd autopilot renamed and retargeted by name', both('Enrollment Profiles/Windows/A.json', of('azureADWindowsAutopilotDeploymentProfile', None, displayName='A', outOfBoxExperienceSettings={'userType': 'standard'}, assignments=[grp(groupName='X')])), both('Enrollment Profiles/Windows/B.json', of('azureADWindowsAutopilotDeploymentProfile', None, displayName='B', outOfBoxExperienceSettings={'userType': 'standard'}, assignments=[grp(groupName='Y')])), [('modified', 'displayName'), ('modified', 'assignments[group, X]'), ('modified', 'assignments[group, Y]')])
p(K, 'icd role definition renamed', both('Roles/A.json', of('roleDefinition', None, displayName='A', isBuiltIn=False, rolePermissions=[{'resourceActions': [{'allowedResourceActions': ['a'], 'notAllowedResourceActions': []}]}])), both('Roles/B.json', of('roleDefinition', None, displayName='B', isBuiltIn=False, rolePermissions=[{'resourceActions': [{'allowedResourceActions': ['a'], 'notAllowedResourceActions': []}]}])), [('modified', 'displayName')])
p(K, 'named locations ip and country of one name', {'Named Locations/a.json': of('ipNamedLocation', None, displayName='HQ', isTrusted=True, ipRanges=[]), 'Named Locations/b.json': of('countryNamedLocation', None, displayName='HQ', countriesAndRegions=['DE'])}, {'Named Locations/a.json': of('ipNamedLocation', None, displayName='HQ', isTrusted=True, ipRanges=[]), 'Named Locations/b.json': of('countryNamedLocation', None, displayName='HQ', countriesAndRegions=['DE', 'KP'])}, [('modified', 'countriesAndRegions', 'high')])
p(K, 'app configuration of one name: device ios, android, managed', {f'App Configuration/C_{t}.json': of(t, None, displayName='C', settings=None) for t in ('iosMobileAppConfiguration', 'androidManagedStoreAppConfiguration', 'targetedManagedAppConfiguration')}, {f'App Configuration/C_{t}.json': of(t, None, displayName='C', settings=None, **({'packageId': 'app:x'} if t.startswith('android') else {})) for t in ('iosMobileAppConfiguration', 'androidManagedStoreAppConfiguration', 'targetedManagedAppConfiguration')}, [('modified', 'packageId')])
p(K, 'two filters of one name renumbered when the first goes', {'Filters/F.json': filt('F', 'a'), 'Filters/F_1.json': filt('F', 'b')} | W, {'Filters/F.json': filt('F', 'b')} | W, [('removed', '', 'high')])
p(K, 'names swapped between two without ids', {'Settings Catalog/A.json': cat(None, sim('a', 1), name='A'), 'Settings Catalog/B.json': cat(None, sim('b', 1), name='B')}, {'Settings Catalog/A.json': cat(None, sim('b', 1), name='A'), 'Settings Catalog/B.json': cat(None, sim('a', 1), name='B')}, [('modified', 'a', None, 'A'), ('modified', 'b', None, 'A'), ('modified', 'a', None, 'B'), ('modified', 'b', None, 'B')])
p(K, 'catalog of one name: mdm and endpointPrivilegeManagement and linux', {f'Settings Catalog/S_{n}.json': cat(None, sim('d', n), name='S', technologies=t, platforms=pl) for n, (t, pl) in enumerate((('mdm', 'windows10'), ('endpointPrivilegeManagement', 'windows10'), ('linuxMdm', 'linux')))}, {f'Settings Catalog/S_{n}.json': cat(None, sim('d', n if n != 1 else 7), name='S', technologies=t, platforms=pl) for n, (t, pl) in enumerate((('mdm', 'windows10'), ('endpointPrivilegeManagement', 'windows10'), ('linuxMdm', 'linux')))}, [('modified', 'd')], check=sides_at('d', 1, 7))
p(K, 'same name same kind in two folders of a home-made tree', {'Berlin/Wi-Fi.json': of('windowsWifiConfiguration', None, displayName='Wi-Fi', ssid='a'), 'Paris/Wi-Fi.json': of('windowsWifiConfiguration', None, displayName='Wi-Fi', ssid='b')}, {'Berlin/Wi-Fi.json': of('windowsWifiConfiguration', None, displayName='Wi-Fi', ssid='a'), 'Paris/Wi-Fi.json': of('windowsWifiConfiguration', None, displayName='Wi-Fi', ssid='c')}, [('modified', 'ssid')], check=sides_at('ssid', 'b', 'c'))
p(K, 'notification template renamed, no id', both('Compliance Policies/Message Templates/A.json', of('notificationMessageTemplate', None, displayName='A', brandingOptions='none', localizedNotificationMessages=[{'locale': 'en-us', 'subject': 's', 'messageTemplate': 'm'}])), both('Compliance Policies/Message Templates/B.json', of('notificationMessageTemplate', None, displayName='B', brandingOptions='none', localizedNotificationMessages=[{'locale': 'en-us', 'subject': 's', 'messageTemplate': 'm'}])), [('modified', 'displayName')])
p(K, 'renamed twice at once: two policies of equal content', both('A.json', ios(None, displayName='A')) | {'B.json': ios(None, displayName='B')}, both('C.json', ios(None, displayName='C')) | {'D.json': ios(None, displayName='D')}, [('modified', 'displayName', 'info-'), ('modified', 'displayName', 'info-')])
p(K, 'made again with id, one value weaker', both('x.json', of('macOSEndpointProtectionConfiguration', 1, displayName='FV', fileVaultEnabled=True, firewallEnabled=True, firewallBlockAllIncoming=False)), both('x.json', of('macOSEndpointProtectionConfiguration', 2, displayName='FV', fileVaultEnabled=False, firewallEnabled=True, firewallBlockAllIncoming=False)), [('recreated', 'fileVaultEnabled', 'high')])
K = '2 assignments'
def epc(*a, **m):
    return of('windows10EndpointProtectionConfiguration', None, displayName='D', assignments=list(a), **m)
def by_filter(name, mode):
    return {'deviceAndAppManagementAssignmentFilterId': name, 'deviceAndAppManagementAssignmentFilterType': mode}
p(K, 'yaml groupName changed', both('Device Configurations/D.yaml', epc(grp(groupName='A', groupType='StaticMembership'))), both('Device Configurations/D.yaml', epc(grp(groupName='B', groupType='StaticMembership'))), [('modified', '[group, A]'), ('modified', '[group, B]')], check=all_of(sides_at('A', 'A', None), sides_at('B', None, 'B')))
p(K, 'exclusion by name added', both('Device Configurations/D.yaml', epc(grp(groupName='A'))), both('Device Configurations/D.yaml', epc(grp(groupName='A'), exc(groupName='VIP'))), [('modified', 'VIP', 'high')])
p(K, 'filter name swapped on all devices', both('D.json', epc({'target': {'@odata.type': G + 'allDevicesAssignmentTarget', **by_filter('Corp', 'include')}})), both('D.json', epc({'target': {'@odata.type': G + 'allDevicesAssignmentTarget', **by_filter('BYOD', 'include')}})), [('modified', 'all_devices')], check=sides_at('all_devices', 'Corp', 'BYOD'))
p(K, 'group by name here, by id and name there', both('D.json', epc(grp(groupName='A'))), both('D.json', epc(grp(groupId=gid(5), groupName='A'))), [])
p(K, 'group by name here, by id and other name there', both('D.json', epc(grp(groupName='A'))), both('D.json', epc(grp(groupId=gid(5), groupName='B'))), [('modified', ''), ('modified', '')])
p(K, 'one name twice with two filters, one filter removed', both('D.json', epc(grp(groupName='A', **by_filter('F1', 'include')), grp(groupName='A', **by_filter('F2', 'include')))), both('D.json', epc(grp(groupName='A', **by_filter('F1', 'include')), grp(groupName='A'))), [('modified', 'A'), ('modified', 'A')])
p(K, 'all users to one group by name', both('D.json', epc({'target': {'@odata.type': G + 'allLicensedUsersAssignmentTarget'}})), both('D.json', epc(grp(groupName='Pilot'))), [('modified', 'all_users'), ('modified', 'Pilot')])
p(K, 'app by group name: required to uninstall', both('Applications/A.json', of('winGetApp', None, displayName='A', assignments=[{'intent': 'required', **grp(groupName='All')}])), both('Applications/A.json', of('winGetApp', None, displayName='A', assignments=[{'intent': 'uninstall', **grp(groupName='All')}])), [('modified', 'All', 'high')], check=sides_at('All', 'required', 'uninstall'))
p(K, 'ibr: the assignments file of one policy is gone', {'Device Configurations/D.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/Assignments/D.json': [grp(groupId=gid(5))]} | W, {'Device Configurations/D.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/E.json': wo(of('iosGeneralDeviceConfiguration', 2, displayName='E'), 'assignments'), 'Device Configurations/Assignments/E.json': [grp(groupId=gid(6))]} | W, [('modified', 'assignments'), ('added', '')])
p(K, 'group id in other case', both('D.json', ios(1, assignments=[grp(groupId=gid(5))])), both('D.json', ios(1, assignments=[grp(groupId=gid(5).upper())])), [])
p(K, 'membership rule of dynamic group by name changed', both('D.json', epc(grp(groupName='A', groupType='DynamicMembership', membershipRule='(user.department -eq "IT")'))), both('D.json', epc(grp(groupName='A', groupType='DynamicMembership', membershipRule='(user.department -ne "IT")'))), [('modified', 'A', 'high')])
p(K, 'enrolment limit: priority and group by name', both('Enrollment Configurations/L.json', of('deviceEnrollmentLimitConfiguration', None, displayName='L', limit=5, priority=1, assignments=[grp(groupName='A')])), both('Enrollment Configurations/L.json', of('deviceEnrollmentLimitConfiguration', None, displayName='L', limit=5, priority=2, assignments=[grp(groupName='B')])), [('modified', 'priority'), ('modified', 'A'), ('modified', 'B')])
p(K, 'conditional access group swapped by id', both('c.json', of('conditionalAccessPolicy', 1, state='enabled', conditions={'users': {'includeGroups': [gid(5)], 'excludeGroups': [gid(6)]}}, grantControls=None)), both('c.json', of('conditionalAccessPolicy', 1, state='enabled', conditions={'users': {'includeGroups': [gid(6)], 'excludeGroups': [gid(5)]}}, grantControls=None)), [('modified', 'includeGroups', 'critical'), ('modified', 'excludeGroups', 'critical')])
p(K, 'policy set item removed', both('Policy Sets/s.json', of('policySet', 1, items=[{'id': 'x', 'payloadId': gid(7), 'itemType': 'a'}, {'id': 'z', 'payloadId': gid(8), 'itemType': 'a'}])), both('Policy Sets/s.json', of('policySet', 1, items=[{'id': 'x', 'payloadId': gid(7), 'itemType': 'a'}])), [('modified', 'items')])
p(K, 'deleted group: name gone on one side, id on both', both('D.json', ios(1, assignments=[grp(groupId=gid(5), groupName='A')])), both('D.json', ios(1, assignments=[grp(groupId=gid(5), groupName=None)])), [])
K = '3 who'
def many(t, n, before, after, folder='X'):
    return ({f'{folder}/{i}.json': of(t, i, displayName=f'N{i}', **(before(i) if callable(before) else before)) for i in range(1, n + 1)}, {f'{folder}/{i}.json': of(t, i, displayName=f'N{i}', **(after(i) if callable(after) else after)) for i in range(1, n + 1)})
p(K, 'filevault off in all 4', *many('macOSEndpointProtectionConfiguration', 4, {'fileVaultEnabled': True}, {'fileVaultEnabled': False}), [('modified', 'fileVaultEnabled', 'high')] * 4)
p(K, 'property comes in all 4 android owner', *many('androidDeviceOwnerGeneralDeviceConfiguration', 4, {'cameraBlocked': True}, {'cameraBlocked': True, 'microphoneForceMute': False}), [('platform_change', 'microphoneForceMute', 'medium-')])
p(K, 'property comes in 3 of 4', *many('androidDeviceOwnerGeneralDeviceConfiguration', 4, {'cameraBlocked': True}, lambda i: {'cameraBlocked': True} if i == 4 else {'cameraBlocked': True, 'microphoneForceMute': False}), [('modified', 'microphoneForceMute')] * 3)
p(K, 'scripts: signature check off in all 5', *many('deviceManagementScript', 5, {'scriptContent': b64('a\n'), 'enforceSignatureCheck': True}, {'scriptContent': b64('a\n'), 'enforceSignatureCheck': False}), [('modified', 'enforceSignatureCheck', 'high')] * 5)
p(K, 'nested property comes in all ca', *many('conditionalAccessPolicy', 3, {'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All']}}}, {'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All']}, 'insiderRiskLevels': 'minor'}}), [('platform_change', 'insiderRiskLevels')])
p(K, 'exclusion added in all ca is somebody', *many('conditionalAccessPolicy', 3, {'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All'], 'excludeUsers': []}}}, {'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All'], 'excludeUsers': ['evil']}}}), [('modified', 'excludeUsers', 'critical')] * 3)
p(K, 'oma setting added to all three is somebody', *many('windows10CustomConfiguration', 3, {'omaSettings': [{'@odata.type': G + 'omaSettingInteger', 'omaUri': './a', 'displayName': 'a', 'value': 1}]}, {'omaSettings': [{'@odata.type': G + 'omaSettingInteger', 'omaUri': './a', 'displayName': 'a', 'value': 1}, {'@odata.type': G + 'omaSettingInteger', 'omaUri': './b', 'displayName': 'b', 'value': 1}]}), [('modified', './b')] * 3)
p(K, 'made again, same content', both('x.json', of('windowsFeatureUpdateProfile', 1, featureUpdateVersion='24H2')), both('x.json', of('windowsFeatureUpdateProfile', 2, featureUpdateVersion='24H2')), [('recreated', '', 'low')])
p(K, 'made again without its groups', both('x.json', of('iosManagedAppProtection', 1, pinRequired=True, assignments=[grp(groupId=gid(5))])), both('x.json', of('iosManagedAppProtection', 2, pinRequired=True)), [('recreated', 'assignments', 'medium')])
p(K, 'trusted location half the internet by portal page', {'n.json': {'@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/namedLocations', 'value': [of('ipNamedLocation', 1, displayName='HQ', isTrusted=True, ipRanges=[{'@odata.type': G + 'iPv4CidrRange', 'cidrAddress': '10.0.0.0/8'}])]}}, {'n.json': {'@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/namedLocations', 'value': [of('ipNamedLocation', 1, displayName='HQ', isTrusted=True, ipRanges=[{'@odata.type': G + 'iPv4CidrRange', 'cidrAddress': '10.0.0.0/8'}, {'@odata.type': G + 'iPv6CidrRange', 'cidrAddress': '::/1'}])]}}, [('modified', 'ipRanges', 'high')])
K = '3 severity'
# what an attacker or an outage would use
s('windows10GeneralConfiguration','edgeBlockAccessToAboutFlags',True,False,'medium=')
s('windows10GeneralConfiguration','cortanaBlocked',True,False,'medium-')
s('windows10GeneralConfiguration','smartScreenEnableAppInstallControl',True,False,'high')
s('windows10GeneralConfiguration','usbBlocked',True,False,'high')
s('windows10GeneralConfiguration','storageBlockRemovableStorage',True,False,'high')
s('iosGeneralDeviceConfiguration','iCloudBlockBackup',True,False,'high')
s('iosGeneralDeviceConfiguration','cameraBlocked',True,False,'medium')
s('iosGeneralDeviceConfiguration','passcodeRequired',True,False,'high')
s('iosGeneralDeviceConfiguration','lostModeMessage','a','b','medium-')
s('iosGeneralDeviceConfiguration','enterpriseAppBlockTrust',True,False,'high')
s('iosGeneralDeviceConfiguration','configurationProfileBlockChanges',True,False,'high')
s('androidDeviceOwnerGeneralDeviceConfiguration','securityAllowDebuggingFeatures',False,True,'high')
s('androidDeviceOwnerGeneralDeviceConfiguration','factoryResetDeviceAdministratorEmails',['a'],[],'high')
s('androidDeviceOwnerGeneralDeviceConfiguration','factoryResetBlocked',True,False,'high')
s('androidDeviceOwnerGeneralDeviceConfiguration','kioskModeExitCode','1234','','high')
s('macOSGeneralDeviceConfiguration','safariBlockAutofill',True,False,'medium-')
s('macOSEndpointProtectionConfiguration','gatekeeperAllowedAppSource','macAppStore','anywhere','high')
s('macOSExtensionsConfiguration','kernelExtensionAllowedTeamIdentifiers',['A'],['A','EVIL'],'high')
s('windowsUpdateForBusinessConfiguration','automaticUpdateMode','autoInstallAtMaintenanceTime','notifyDownload','high')
s('windowsUpdateForBusinessConfiguration','qualityUpdatesPaused',False,True,'high')
s('windowsUpdateForBusinessConfiguration','microsoftUpdateServiceAllowed',True,False,'high')
s('windowsUpdateForBusinessConfiguration','driversExcluded',False,True,'medium')
s('iosUpdateConfiguration','enforcedSoftwareUpdateDelayInDays',0,90,'high')
s('macOSSoftwareUpdateConfiguration','criticalUpdateBehavior','installASAP','notConfigured','high')
s('windows10CompliancePolicy','osMinimumVersion','10.0.19045','10.0.10240','high')
s('iosCompliancePolicy','scheduledActionsForRule',[{'ruleName':None,'scheduledActionConfigurations':[{'actionType':'block','gracePeriodHours':0}]}],[],'high')
s('iosManagedAppProtection','allowedOutboundDataTransferDestinations','managedApps','allApps','high')
s('iosManagedAppProtection','contactSyncBlocked',True,False,'high')
s('iosManagedAppProtection','printBlocked',True,False,'high')
s('iosManagedAppProtection','managedBrowserToOpenLinksRequired',True,False,'high')
s('iosManagedAppProtection','exemptedAppProtocols',[],[{'name':'x','value':'tel'}],'high')
s('androidManagedAppProtection','screenCaptureBlocked',True,False,'high')
s('androidManagedAppProtection','approvedKeyboards',[],[{'name':'x','value':'k'}],'medium')
s('targetedManagedAppConfiguration','customSettings',[{'name':'ServerUrl','value':'https://a'}],[{'name':'ServerUrl','value':'https://evil'}],'medium')
s('deviceEnrollmentPlatformRestrictionsConfiguration','windowsRestriction/personalDeviceEnrollmentBlocked',True,False,'high')
s('deviceEnrollmentPlatformRestrictionsConfiguration','androidRestriction/platformBlocked',True,False,'high')
s('windows10EnrollmentCompletionPageConfiguration','blockDeviceSetupRetryByUser',True,False,'medium')
s('azureADWindowsAutopilotDeploymentProfile','hardwareHashExtractionEnabled',False,True,'medium-')
s('azureADWindowsAutopilotDeploymentProfile','enableWhiteGlove',False,True,'medium')
s('windowsDriverUpdateProfile','approvalType','manual','automatic','high')
s('windowsQualityUpdatePolicy','hotpatchEnabled',True,False,'medium')
s('deviceAndAppManagementRoleAssignment','members',[gid(5)],[gid(5),gid(6)],'high')
s('roleDefinition','isBuiltInRoleDefinition',False,True,'high', isBuiltIn=False)
s('windowsWifiEnterpriseEAPConfiguration','trustedServerCertificateNames',['a'],['*'],'high')
s('iosVpnConfiguration','enableSplitTunneling',False,True,'high')
s('iosVpnConfiguration','server',{'address':'a'},{'address':'evil'},'high')
s('windows10VpnConfiguration','enableAlwaysOn',True,False,'high')
s('windows10EndpointProtectionConfiguration','applicationGuardEnabled',True,False,'high')
s('windows10EndpointProtectionConfiguration','localSecurityOptionsBlockMicrosoftAccounts',True,False,'high')
s('windowsHealthMonitoringConfiguration','allowDeviceHealthMonitoring','enabled','disabled','medium')
s('windowsDefenderAdvancedThreatProtectionConfiguration','allowSampleSharing',True,False,'high')
s('deviceHealthScript','detectionScriptContent',b64('exit 1\n'),b64('exit 0\n'),'high',publisher='p')
s('deviceShellScript','executionFrequency','PT0S','PT15M','medium',scriptContent=b64('a'))
s('deviceManagementScript','description','a','b','info-',scriptContent=b64('a'))
s('crossTenantAccessPolicyConfigurationDefault','b2bCollaborationInbound',{'usersAndGroups':{'accessType':'blocked'}},{'usersAndGroups':{'accessType':'allowed'}},'high')
s('authenticationMethodsPolicy','registrationEnforcement',{'a':1},{'a':2},'high')
s('conditionalAccessPolicy','sessionControls',{'signInFrequency':{'value':1}},None,'high',state='enabled',conditions={})
s('conditionalAccessPolicy', 'conditions/applications', {'excludeApplications': []}, {'excludeApplications': ['x']}, 'critical', state='enabled')
s('termsAndConditions','acceptanceStatement','a','b','medium',title='t')
s('deviceCategory','description','a','b','info')
for d,lv in (('device_vendor_msft_policy_config_microsoft_edge_passwordmanagerenabled','high'),('device_vendor_msft_policy_config_storage_removablediskdenywriteaccess','high'),('device_vendor_msft_policy_config_devicelock_maxinactivitytimedevicelock','high'),('device_vendor_msft_policy_config_connectivity_allowusbconnection','high'),('device_vendor_msft_policy_config_admx_printing_pointandprint_restrictions','high'),('device_vendor_msft_policy_config_localpoliciessecurityoptions_accounts_enableguestaccountstatus','high'),('device_vendor_msft_policy_config_wifi_allowautoconnecttowifisensehotspots','medium'),('device_vendor_msft_policy_config_start_hideshutdown','medium-'),('com.apple.applicationaccess_allowcloudbackup','medium'),('com.apple.mcx_disableguestaccount','high'),('com.apple.screensaver_askforpassword','high'),('linux_customconfig_x','medium'),('device_vendor_msft_policy_config_privacy_letappsaccesscamera','medium'),('device_vendor_msft_policy_config_deviceinstallation_preventinstallationofmatchingdeviceids','high'),('device_vendor_msft_policy_config_internetexplorer_allowfallbacktossl3','high'),('device_vendor_msft_policy_config_cryptography_tlsciphersuites','high'),('device_vendor_msft_policy_config_windowslogon_enumeratelocalusersondomainjoinedcomputers','medium'),('device_vendor_msft_policy_config_applicationmanagement_allowalltrustedapps','high'),('device_vendor_msft_policy_config_applicationmanagement_requireprivatestoreonly','medium'),('device_vendor_msft_policy_config_system_allowlocation','medium-')):
    sc(d,1,0,lv)
s('macOSGeneralDeviceConfiguration','privacyAccessControls',[{'displayName':'Z','accessibility':'notConfigured'}],[{'displayName':'Z','accessibility':'enabled'}],'high')
p(K, 'another mode in an assignment to a group with a rule is no other rule', both('a.json', of('win32LobApp', 1, assignments=[{'intent': 'available', **grp(groupId=gid(5), membershipRule='(user.department -eq "IT")')}])), both('a.json', of('win32LobApp', 1, assignments=[{'intent': 'available', 'settings': {'notifications': 'hideAll'}, **grp(groupId=gid(5), membershipRule='(user.department -eq "IT")')}])), [('modified', gid(5), 'medium-')])


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_an_input_gives_what_is_written_down(one: Input, tmp_path: Path) -> None:
    check_input(one, tmp_path)
