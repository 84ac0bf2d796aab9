# ruff: noqa: E501 - an input reads best in one line
# fmt: off
"""Several kinds at once: other spellings, types that are not known, archives, names that several share."""

from __future__ import annotations

import json
import unicodedata
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.support.drift_inputs import (
    G,
    Input,
    Inputs,
    W,
    b64,
    both,
    cat,
    check_input,
    gid,
    grp,
    ios,
    of,
    pas,
    put,
    sim,
)

INPUTS: Inputs = []
p = partial(put, INPUTS)

K = 'combined'
p(K, 'yaml on/off/yes are texts; unquoted date; octal', both('a.yaml', "'@odata.type': '#microsoft.graph.iosCompliancePolicy'\ndisplayName: A\nx: on\ny: 2026-01-07\nz: 010\nassignments: []\n"), both('a.json', {'@odata.type': G + 'iosCompliancePolicy', 'displayName': 'A', 'x': 'on', 'y': '2026-01-07', 'z': '010', 'assignments': []}), [])
p(K, 'yaml script block vs json', both('a.yaml', "'@odata.type': '#microsoft.graph.deviceShellScript'\ndisplayName: A\nscriptContent: |\n  echo 1\n  echo 2\nassignments: []\n"), both('a.json', {'@odata.type': G + 'deviceShellScript', 'displayName': 'A', 'scriptContent': b64('echo 1\necho 3\n'), 'assignments': []}), [('modified', 'scriptContent', 'high')])
p(K, 'yaml anchors for assignments', both('a.yaml', "x: &g\n  '@odata.type': '#microsoft.graph.groupAssignmentTarget'\n  groupName: A\n'@odata.type': '#microsoft.graph.iosCompliancePolicy'\ndisplayName: A\nassignments:\n- target: *g\n"), both('a.yaml', "x: &g\n  '@odata.type': '#microsoft.graph.groupAssignmentTarget'\n  groupName: B\n'@odata.type': '#microsoft.graph.iosCompliancePolicy'\ndisplayName: A\nassignments:\n- target: *g\n"), [('modified', '[group, A]'), ('modified', '[group, B]'), ('modified', 'x/groupName')])
p(K, 'yaml crlf', both('a.yaml', yaml.safe_dump(ios(1, a=1)).replace('\n', '\r\n')), both('a.yaml', yaml.safe_dump(ios(1, a=2))), [('modified', 'a')])
p(K, 'NFD file name and name NFC same', {unicodedata.normalize('NFC', 'Müller') + '.json': ios(None, displayName='Müller', a=1)} | W, {unicodedata.normalize('NFD', 'Müller') + '.json': ios(None, displayName='Müller', a=2)} | W, [('modified', 'a')])
p(K, 'NFD name', {'M.json': ios(None, displayName=unicodedata.normalize('NFC', 'Müller'), a=1)} | W, {'M.json': ios(None, displayName=unicodedata.normalize('NFD', 'Müller'), a=1)} | W, [('modified', 'displayName', 'info')])
p(K, 'ext .JSON', {'A.JSON': ios(1, a=1)} | W, {'A.JSON': ios(1, a=2)} | W, [('modified', 'a')])
p(K, 'oma reorder + int->text type', both('x.json', of('windows10CustomConfiguration', 1, omaSettings=[{'@odata.type': G + 'omaSettingInteger', 'displayName': 'a', 'omaUri': './a', 'value': 3}, {'@odata.type': G + 'omaSettingString', 'displayName': 'b', 'omaUri': './b', 'value': 'x'}])), both('x.json', of('windows10CustomConfiguration', 1, omaSettings=[{'@odata.type': G + 'omaSettingString', 'displayName': 'b', 'omaUri': './b', 'value': 'x'}, {'@odata.type': G + 'omaSettingString', 'displayName': 'a', 'omaUri': './a', 'value': '3'}])), [('modified', 'dataType')])
p(K, 'two oma of the same uri', both('x.json', of('windows10CustomConfiguration', 1, omaSettings=[{'@odata.type': G + 'omaSettingInteger', 'displayName': 'a', 'omaUri': './a', 'value': 3}, {'@odata.type': G + 'omaSettingInteger', 'displayName': 'b', 'omaUri': './a', 'value': 4}])), both('x.json', of('windows10CustomConfiguration', 1, omaSettings=[{'@odata.type': G + 'omaSettingInteger', 'displayName': 'a', 'omaUri': './a', 'value': 3}, {'@odata.type': G + 'omaSettingInteger', 'displayName': 'b', 'omaUri': './a', 'value': 5}])), [('modified', 'value')])

def gc(d, *members):
    return {'id': '0', 'settingInstance': {'settingDefinitionId': d, 'groupSettingCollectionValue': [{'children': [c['settingInstance'] for c in m]} for m in members]}}
p(K, 'group collection reorder + one value', both('x.json', cat(1, gc('fw', [sim('fw_name', 'A'), sim('fw_act', 1)], [sim('fw_name', 'B'), sim('fw_act', 1)]))), both('x.json', cat(1, gc('fw', [sim('fw_act', 0), sim('fw_name', 'B')], [sim('fw_name', 'A'), sim('fw_act', 1)]))), [('modified', 'fw_act')])
p(K, 'group collection without names, one added', both('x.json', cat(1, gc('g', [sim('g_a', '1'), sim('g_b', 1)]))), both('x.json', cat(1, gc('g', [sim('g_a', '1'), sim('g_b', 1)], [sim('g_a', '2'), sim('g_b', 1)]))), [('modified', 'g')])
p(K, 'group collection two same names', both('x.json', cat(1, gc('fw', [sim('fw_name', 'A'), sim('fw_act', 1)], [sim('fw_name', 'A'), sim('fw_act', 2)]))), both('x.json', cat(1, gc('fw', [sim('fw_name', 'A'), sim('fw_act', 1)], [sim('fw_name', 'A'), sim('fw_act', 3)]))), [('modified', 'fw'), ('modified', 'fw')])
p(K, 'children of a choice vanish', both('x.json', cat(1, {'id': '0', 'settingInstance': {'settingDefinitionId': 'd', 'choiceSettingValue': {'value': 'd_1', 'children': [sim('d_c', 5)['settingInstance']]}}})), both('x.json', cat(1, {'id': '0', 'settingInstance': {'settingDefinitionId': 'd', 'choiceSettingValue': {'value': 'd_1', 'children': []}}})), [('modified', 'd_c')])
p(K, 'secret setting: token changed only', both('x.json', cat(1, {'id': '0', 'settingInstance': {'settingDefinitionId': 'd_psk', 'simpleSettingValue': {'@odata.type': G + 'deviceManagementConfigurationSecretSettingValue', 'value': 'aaa', 'valueState': 'encryptedValueToken'}}})), both('x.json', cat(1, {'id': '0', 'settingInstance': {'settingDefinitionId': 'd_psk', 'simpleSettingValue': {'@odata.type': G + 'deviceManagementConfigurationSecretSettingValue', 'value': 'bbb', 'valueState': 'encryptedValueToken'}}})), [])
p(K, 'compliance catalog action delay', both('x.json', {**cat(1, sim('d', 1)), '@odata.type': G + 'deviceManagementCompliancePolicy', 'scheduledActionsForRule': [{'ruleName': None, 'scheduledActionConfigurations': [{'id': 'a', 'actionType': 'block', 'gracePeriodHours': 0}]}]}), both('x.json', {**cat(1, sim('d', 1)), '@odata.type': G + 'deviceManagementCompliancePolicy', 'scheduledActionsForRule': [{'ruleName': 'x', 'scheduledActionConfigurations': [{'id': 'b', 'actionType': 'block', 'gracePeriodHours': 720}]}]}), [('modified', 'scheduledActionsForRule', 'high'), ('modified', 'scheduledActionsForRule', 'high')])
p(K, 'compliance action block removed', both('x.json', of('windows10CompliancePolicy', 1, scheduledActionsForRule=[{'ruleName': 'PasswordRequired', 'scheduledActionConfigurations': [{'actionType': 'block', 'gracePeriodHours': 0}, {'actionType': 'pushNotification', 'gracePeriodHours': 24}]}])), both('x.json', of('windows10CompliancePolicy', 1, scheduledActionsForRule=[{'ruleName': None, 'scheduledActionConfigurations': [{'actionType': 'pushNotification', 'gracePeriodHours': 24}]}])), [('modified', 'block', 'high')])
p(K, 'notificationTemplate zero guid vs empty', both('x.json', of('windows10CompliancePolicy', 1, scheduledActionsForRule=[{'scheduledActionConfigurations': [{'actionType': 'block', 'gracePeriodHours': 0, 'notificationTemplateId': ''}]}])), both('x.json', of('windows10CompliancePolicy', 1, scheduledActionsForRule=[{'scheduledActionConfigurations': [{'actionType': 'block', 'gracePeriodHours': 0, 'notificationTemplateId': '00000000-0000-0000-0000-000000000000'}]}])), [])
p(K, 'app config key reorder + one value', both('x.json', of('iosMobileAppConfiguration', 1, settings=[{'appConfigKey': 'a', 'appConfigKeyType': 'stringType', 'appConfigKeyValue': '1'}, {'appConfigKey': 'b', 'appConfigKeyType': 'stringType', 'appConfigKeyValue': '1'}])), both('x.json', of('iosMobileAppConfiguration', 1, settings=[{'appConfigKey': 'b', 'appConfigKeyType': 'stringType', 'appConfigKeyValue': '2'}, {'appConfigKey': 'a', 'appConfigKeyType': 'stringType', 'appConfigKeyValue': '1'}])), [('modified', 'b')])
p(K, 'managed app config customSettings swapped', both('x.json', of('targetedManagedAppConfiguration', 1, customSettings=[{'name': 'a', 'value': '1'}, {'name': 'b', 'value': '2'}])), both('x.json', of('targetedManagedAppConfiguration', 1, customSettings=[{'name': 'a', 'value': '2'}, {'name': 'b', 'value': '1'}])), [('modified', 'a'), ('modified', 'b')])
p(K, 'android app config payloadJson base64 one key', both('x.json', of('androidManagedStoreAppConfiguration', 1, payloadJson=b64('{"a":1,\n"b":2}'))), both('x.json', of('androidManagedStoreAppConfiguration', 1, payloadJson=b64('{"a":1,\n"b":3}'))), [('modified', 'payloadJson')])
p(K, 'app protection app added + version noise', both('x.json', of('androidManagedAppProtection', 1, deployedAppCount=1, version='"a"', apps=[{'id': '1', 'version': '1', 'mobileAppIdentifier': {'packageId': 'a'}}])), both('x.json', of('androidManagedAppProtection', 1, deployedAppCount=2, version='"b"', apps=[{'id': '2', 'version': '2', 'mobileAppIdentifier': {'packageId': 'a'}}, {'id': '3', 'version': '1', 'mobileAppIdentifier': {'packageId': 'b'}}])), [('modified', 'apps', 'high')])
p(K, 'CA: report only', both('x.json', {'id': gid(1), 'displayName': 'C', 'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All']}}, 'grantControls': None}), both('x.json', {'id': gid(1), 'displayName': 'C', 'state': 'enabledForReportingButNotEnforced', 'conditions': {'users': {'includeUsers': ['All']}}, 'grantControls': None}), [('modified', 'state', 'critical')])
p(K, 'CA: session control removed & platform excluded', both('x.json', {'id': gid(1), 'displayName': 'C', 'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All']}, 'platforms': None}, 'grantControls': None, 'sessionControls': {'signInFrequency': {'value': 1, 'type': 'hours', 'isEnabled': True}}}), both('x.json', {'id': gid(1), 'displayName': 'C', 'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All']}, 'platforms': {'includePlatforms': ['all'], 'excludePlatforms': ['android']}}, 'grantControls': None, 'sessionControls': None}), [('modified', 'platforms', 'high'), ('modified', 'platforms', 'high'), ('modified', 'signInFrequency', 'high'), ('modified', 'signInFrequency', 'high'), ('modified', 'signInFrequency', 'high')])
p(K, 'CA authentication strength replaced', both('x.json', {'id': gid(1), 'displayName': 'C', 'state': 'enabled', 'conditions': {}, 'grantControls': {'operator': 'OR', 'builtInControls': [], 'authenticationStrength': {'id': gid(5), 'displayName': 'Phish', 'allowedCombinations': ['fido2']}}}), both('x.json', {'id': gid(1), 'displayName': 'C', 'state': 'enabled', 'conditions': {}, 'grantControls': {'operator': 'OR', 'builtInControls': [], 'authenticationStrength': {'id': gid(6), 'displayName': 'MFA', 'allowedCombinations': ['sms']}}}), [('modified', 'authenticationStrength', 'critical'), ('modified', 'authenticationStrength', 'critical'), ('modified', 'authenticationStrength', 'critical')])
p(K, 'named location country list', both('x.json', of('countryNamedLocation', 1, countriesAndRegions=['DE', 'FR'], includeUnknownCountriesAndRegions=False)), both('x.json', of('countryNamedLocation', 1, countriesAndRegions=['FR', 'DE'], includeUnknownCountriesAndRegions=True)), [('modified', 'includeUnknown', 'high')])
p(K, 'v1 vs beta: extra null properties', both('x.json', of('windows10CompliancePolicy', 1, passwordRequired=True)), both('x.json', of('windows10CompliancePolicy', 1, passwordRequired=True, wslDistributions=[], deviceCompliancePolicyScript=None, validOperatingSystemBuildRanges=[])), [])
p(K, 'metadata minimal vs full on page with context', both('x.json', {'@odata.context': 'https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceCompliancePolicies', 'value': [ios(1, a=1)]}), both('x.json', {'value': [{**ios(1, a=1), '@odata.id': 'x', '@odata.editLink': 'y', 'a@odata.type': '#Int32', 'assignments@odata.context': 'z', '#microsoft.graph.assign': {'target': 't'}}]}), [])
p(K, 'CRLF JSON, tabs, indent', both('x.json', json.dumps(ios(1, a=1), indent=4).replace('\n', '\r\n')), both('x.json', json.dumps(ios(1, a=1), indent='\t')), [])
p(K, 'duplicate key in JSON', both('x.json', f'{{"id":"{gid(1)}","@odata.type":"#microsoft.graph.iosCompliancePolicy","displayName":"P","a":1,"a":2,"assignments":[]}}'), both('x.json', ios(1, a=2, roleScopeTagIds=[])), [])
p(K, 'id as number', both('x.json', {'@odata.type': G + 'roleScopeTag', 'id': 5, 'displayName': 'T', 'description': 'a', 'isBuiltIn': False, 'assignments': []}), both('x.json', {'@odata.type': G + 'roleScopeTag', 'id': '5', 'displayName': 'T', 'description': 'b', 'isBuiltIn': False, 'assignments': []}), [('modified', 'description', 'info')])
p(K, 'all empty except archive: everything removed', {'Compliance Policies/Policies/A.json': ios(None, displayName='A'), 'Filters/f.json': {'id': gid(3), 'displayName': 'F', 'platform': 'iOS', 'rule': 'a'}}, {'__archive__/2026/A.json': ios(None, displayName='A'), 'Filters/f.json': {'id': gid(3), 'displayName': 'F', 'platform': 'iOS', 'rule': 'a'}}, [('removed', '', 'high')])
p(K, 'restored from archive: came back', {'__archive__/2026/A.json': ios(None, displayName='A')} | W, {'Compliance Policies/Policies/A.json': ios(None, displayName='A')} | W, [('added', '', 'high')])
p(K, 'edited in archive only', {'__archive__/2026/A.json': ios(None, displayName='A', a=1)} | W, {'__archive__/2026/A.json': ios(None, displayName='A', a=2)} | W, [])
p(K, '3 policies one name one kind, one edited in place', {f'X/S_{i}.json': of('windows10CustomConfiguration', None, a=i) for i in range(3)}, {f'X/S_{i}.json': of('windows10CustomConfiguration', None, a=i if i else 9) for i in range(3)}, [('modified', 'a')])
p(K, '3 of one name, two edited, files kept', {f'X/S_{i}.json': of('windows10CustomConfiguration', None, a=i) for i in range(3)}, {f'X/S_{i}.json': of('windows10CustomConfiguration', None, a=i + 10 if i < 2 else i) for i in range(3)}, [('modified', 'a'), ('modified', 'a')])
p(K, 'policy type family change: iosGeneral -> recreate as catalog same name', both('x.json', of('iosGeneralDeviceConfiguration', 1, displayName='N', cameraBlocked=True)), both('x.json', cat(2, sim('d', 1), name='N')), [('removed', ''), ('added', '')])
p(K, 'same id other @odata.type', both('x.json', of('iosGeneralDeviceConfiguration', 1, cameraBlocked=True)), both('x.json', of('macOSGeneralDeviceConfiguration', 1, cameraBlocked=True)), [('modified', '@odata.type')])
p(K, 'assignment filter deleted from policy everywhere + filter removed', {f'{n}.json': ios(n, displayName=f'N{n}', assignments=[grp(groupId=gid(50), deviceAndAppManagementAssignmentFilterId=gid(60), deviceAndAppManagementAssignmentFilterType='exclude')]) for n in (1, 2, 3)} | {'Filters/f.json': {'id': gid(60), 'displayName': 'F', 'platform': 'iOS', 'rule': 'a'}}, {f'{n}.json': ios(n, displayName=f'N{n}', assignments=[grp(groupId=gid(50))]) for n in (1, 2, 3)}, [('removed', '', 'high'), ('modified', gid(50), 'medium'), ('modified', gid(50), 'medium'), ('modified', gid(50), 'medium')])
p(K, 'driver approvals / update profile 24H2 to 25H2 in all', {f'{n}.json': of('windowsFeatureUpdateProfile', n, displayName=f'N{n}', featureUpdateVersion='Windows 11, version 24H2') for n in (1, 2, 3)}, {f'{n}.json': of('windowsFeatureUpdateProfile', n, displayName=f'N{n}', featureUpdateVersion='Windows 11, version 25H2') for n in (1, 2, 3)}, [('modified', 'featureUpdateVersion', 'high')] * 3)
p(K, 'scope tags changed', both('x.json', ios(1, roleScopeTagIds=['0'])), both('x.json', ios(1, roleScopeTagIds=['0', '3'])), [('modified', 'roleScopeTagIds', 'low')])
p(K, 'huge list 20000 domains one changed', both('x.json', of('iosGeneralDeviceConfiguration', 1, emailInDomainSuffixes=[f'd{i}.example' for i in range(20000)])), both('x.json', of('iosGeneralDeviceConfiguration', 1, emailInDomainSuffixes=[f'd{i}.example' for i in range(19999)] + ['new.example'])), [('modified', 'emailInDomainSuffixes')])
p(K, 'IM AssignmentFilters rule + IM folder', both('AssignmentFilters/F.json', {'@odata.type': G + 'deviceAndAppManagementAssignmentFilter', 'id': gid(3), 'displayName': 'F', 'platform': 'windows10AndLater', 'rule': '(device.osVersion -startsWith "10")', 'assignmentFilterManagementType': 'devices'}), both('AssignmentFilters/F.json', {'@odata.type': G + 'deviceAndAppManagementAssignmentFilter', 'id': gid(3), 'displayName': 'F', 'platform': 'windows10AndLater', 'rule': '(device.osVersion -startsWith "")', 'assignmentFilterManagementType': 'devices'}), [('modified', 'rule', 'high')])
p(K, 'IM ScopeTags/Terms of use etc unknown folder object not policy', both('TermsOfUse/t.json', {'id': gid(7), 'displayName': 'T', 'isViewingBeforeAcceptanceRequired': True, 'files': []}), both('TermsOfUse/t.json', {'id': gid(7), 'displayName': 'T', 'isViewingBeforeAcceptanceRequired': False, 'files': []}), [], None, check=lambda A, B, c: bool(A.failures) and bool(B.failures))
p(K, 'inventory policy unknown odata type compared generically', both('InventoryPolicies/i.json', {'@odata.type': G + 'deviceManagementInventoryPolicy', 'id': gid(7), 'name': 'I', 'platforms': 'windows10', 'technologies': 'mdm', 'settings': [sim('d', 1)], 'assignments': []}), both('InventoryPolicies/i.json', {'@odata.type': G + 'deviceManagementInventoryPolicy', 'id': gid(7), 'name': 'I', 'platforms': 'windows10', 'technologies': 'mdm', 'settings': [sim('d', 2)], 'assignments': []}), [('modified', 'settings')])
p(K, 'unknown type truncated', both('InventoryPolicies/i.json', {'@odata.type': G + 'deviceManagementInventoryPolicy', 'id': gid(7), 'name': 'I', 'settings': [sim('d', 1)]}), both('InventoryPolicies/i.json', json.dumps({'@odata.type': G + 'deviceManagementInventoryPolicy', 'id': gid(7), 'name': 'I', 'settings': [sim('d', 1)]})[:-20]), [], 'any')
p(K, 'ps5 Unicode escapes & \\u0027', both('x.json', json.dumps(ios(1, description="It's <b> & ü"))), both('x.json', json.dumps(ios(1, description="It's <b> & ü")).replace("'", '\\u0027').replace('<', '\\u003c').replace('&', '\\u0026')), [])
p(K, 'PascalCase truncated', both('x.json', pas(cat(1, sim('d', 1)))), both('x.json', json.dumps(pas(cat(1, sim('d', 1))))[:-30]), [], 'any')
p(K, 'unread on one side & change in another type', both('Compliance Policies/x.json', ios(1, a=1)) | {'a.json': cat(5, sim('q', 1), name='Q')}, both('Compliance Policies/x.json', '{') | {'a.json': cat(5, sim('q', 2), name='Q')}, [('modified', 'q')], ['compliance'])


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_an_input_gives_what_is_written_down(one: Input, tmp_path: Path) -> None:
    check_input(one, tmp_path)
