# ruff: noqa: E501 - an input reads best in one line
# fmt: off
"""Exports that were cut, broken or read in part: what is unread is said, and nothing else is."""

from __future__ import annotations

import json
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
    filt,
    gid,
    grp,
    ios,
    of,
    put,
    sim,
    wo,
)

INPUTS: Inputs = []
p = partial(put, INPUTS)

K = '4 unread'
txt = json.dumps(ios(1, passcodeRequired=True, passcodeMinimumLength=6))
for cut, label in ((1, 'after {'), (15, "in the id's key"), (40, 'inside id'), (90, 'after type'), (len(txt) - 1, 'one char'), (len(txt) - 30, 'in assignments')):
    p(K, f'truncated {label}', both('Compliance Policies/x.json', txt), both('Compliance Policies/x.json', txt[:cut]), [], ['compliance'])
p(K, 'truncated both sides same, in a folder that says nothing', both('x.json', txt[:20]), both('x.json', txt[:20]), [], 'any')
p(K, 'truncated yaml in the middle of a line', both('Compliance Policies/x.yaml', ios(1, a=1)), both('Compliance Policies/x.yaml', yaml.safe_dump(ios(1, a=1))[:-8]), [], ['compliance'])
p(K, 'list truncated in 2nd element', both('Compliance Policies/x.json', [ios(1), ios(2, displayName='Q')]), both('Compliance Policies/x.json', json.dumps([ios(1), ios(2, displayName='Q')])[:-40]), [], ['compliance'])
p(K, 'page {value:[..2nd cut', both('x.json', {'@odata.context': 'https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceCompliancePolicies', 'value': [ios(1), ios(2, displayName='Q')]}), both('x.json', json.dumps({'@odata.context': 'https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceCompliancePolicies', 'value': [ios(1), ios(2, displayName='Q')]})[:-40]), [], ['compliance'])
p(K, 'utf16 cut in the middle', both('Compliance Policies/x.json', b'\xff\xfe' + txt.encode('utf-16-le')), both('Compliance Policies/x.json', (b'\xff\xfe' + txt.encode('utf-16-le'))[:-61]), [], ['compliance'])
p(K, 'nul filled file (disk full)', both('Compliance Policies/x.json', txt), both('Compliance Policies/x.json', b'\x00' * 500), [], ['compliance'])
p(K, 'file half nul', both('Compliance Policies/x.json', txt), both('Compliance Policies/x.json', txt.encode()[:100] + b'\x00' * 100), [], ['compliance'])
p(K, 'null json', both('Settings Catalog/x.json', cat(1, sim('d', 1))), both('Settings Catalog/x.json', 'null'), [], ['settings_catalog'])
p(K, '[] json in folder of a type', both('Settings Catalog/x.json', cat(1, sim('d', 1))), both('Settings Catalog/x.json', '[]'), [], 'any')
p(K, '{} in Filters both sides', both('Filters/x.json', '{}'), both('Filters/x.json', '{}'), [], ['assignment_filter'])
p(K, 'unrecognised object in the folder of a type: changed', both('App Protection/x.json', {'foo': 1, 'title': 't'}), both('App Protection/x.json', {'foo': 2, 'title': 't'}), [], ['app_protection'])
p(K, 'HTML in yaml', both('Settings Catalog/x.yaml', cat(1, sim('d', 1))), both('Settings Catalog/x.yaml', '<html>no</html>\n'), [], ['settings_catalog'])
p(K, "a type read on one side only (b's folder gives error)", both('Filters/f.json', {'id': gid(3), 'displayName': 'F', 'platform': 'iOS', 'rule': 'a'}), both('Filters/f.json', {'error': {'code': 'Forbidden', 'message': 'm'}}), [], ['assignment_filter'])
p(K, 'new policy while baseline of that type truncated', both('Compliance Policies/x.json', txt[:60]), both('Compliance Policies/y.json', ios(2, displayName='Y')), [('added', '')], ['compliance'])
p(K, 'settingCount above', both('x.json', {**cat(1, sim('a', 1), sim('b', 1)), 'settingCount': 2}), both('x.json', {**cat(1, sim('a', 1)), 'settingCount': 3}), [], ['settings_catalog'])
p(K, 'settings@odata.nextLink in template values', both('x.json', of('groupPolicyConfiguration', 1, definitionValues=[{'enabled': True, 'definition': {'id': gid(5)}}, {'enabled': True, 'definition': {'id': gid(6)}}])), both('x.json', {**of('groupPolicyConfiguration', 1, definitionValues=[{'enabled': True, 'definition': {'id': gid(5)}}]), 'definitionValues@odata.nextLink': 'https://x'}), [], ['administrative_template'])
p(K, 'definitionValues absent', both('x.json', of('groupPolicyConfiguration', 1, definitionValues=[{'enabled': True, 'definition': {'id': gid(5)}}])), both('x.json', of('groupPolicyConfiguration', 1)), [], [('administrative_template', 'definitionValues')])
p(K, "intent's settings absent", both('x.json', of('deviceManagementIntent', 1, templateId=gid(8), settings=[{'definitionId': 'd', 'valueJson': '1'}])), both('x.json', of('deviceManagementIntent', 1, templateId=gid(8))), [], [('endpoint_security_intent', 'settings')])
p(K, 'messages absent of notification template', both('x.json', of('notificationMessageTemplate', 1, defaultLocale='en', localizedNotificationMessages=[{'locale': 'en', 'subject': 's', 'messageTemplate': 'm'}])), both('x.json', of('notificationMessageTemplate', 1, defaultLocale='en')), [], 'any')
p(K, 'CA page with nextLink', both('ca.json', {'value': [{'id': gid(1), 'displayName': 'A', 'state': 'enabled', 'conditions': {}, 'grantControls': None}, {'id': gid(2), 'displayName': 'B', 'state': 'enabled', 'conditions': {}, 'grantControls': None}]}), both('ca.json', {'@odata.nextLink': 'https://graph', 'value': [{'id': gid(1), 'displayName': 'A', 'state': 'disabled', 'conditions': {}, 'grantControls': None}]}), [('modified', 'state', 'critical')], ['conditional_access'])
for label, val in (('hashtable', 'System.Collections.Hashtable'), ('ordered', 'System.Collections.Specialized.OrderedDictionary'), ('objarr', 'System.Object[]'), ('psobj', '@{passcodeRequired=True; x=}'), ('psobject class', 'System.Management.Automation.PSCustomObject'), ('dict', 'System.Collections.Generic.Dictionary`2[System.String,System.Object]'), ('sdk class', 'Microsoft.Graph.PowerShell.Models.MicrosoftGraphDeviceManagementConfigurationSettingInstance'), ('sdk beta class', 'Microsoft.Graph.Beta.PowerShell.Models.MicrosoftGraphDeviceManagementConfigurationChoiceSettingValue'), ('list joined', '@{id=1; a=b} @{id=2; a=c}'), ('sdk arr', 'System.Object[] System.Object[]')):
    p(K, f'cut value: {label}', both('x.json', of('iosGeneralDeviceConfiguration', 1, networkUsageRules=[{'a': 1}])), both('x.json', of('iosGeneralDeviceConfiguration', 1, networkUsageRules=val)), [], ['device_configuration'])
    p(K, f'cut in list: {label}', both('x.json', of('iosGeneralDeviceConfiguration', 1, networkUsageRules=[{'a': {'b': 1}}])), both('x.json', of('iosGeneralDeviceConfiguration', 1, networkUsageRules=[{'a': val}])), [], ['device_configuration'])
p(K, "cut at depth 2 catalog: settings list of '@{…}' joined as a text", both('x.json', cat(1, sim('a', 1))), both('x.json', {**cat(1), 'settings': '@{id=0; settingInstance=} @{id=1; settingInstance=}'}), [], ['settings_catalog'])
p(K, "cut groups in CA: includeUsers 'All' stays text is IM single", both('x.json', {'id': gid(1), 'displayName': 'A', 'state': 'enabled', 'conditions': {'users': {'includeUsers': ['All']}}, 'grantControls': None}), both('x.json', {'id': gid(1), 'displayName': 'A', 'state': 'enabled', 'conditions': {'users': {'includeUsers': 'All'}}, 'grantControls': None}), [])
p(K, 'cut assignment target', both('x.json', ios(1, assignments=[grp(groupId=gid(5))])), both('x.json', ios(1, assignments=[{'id': 'x', 'target': '@{@odata.type=#microsoft.graph.groupAssignmentTarget; groupId=x}'}])), [], ['compliance'])
p(K, 'cut assignment target Hashtable', both('x.json', ios(1, assignments=[grp(groupId=gid(5))])), both('x.json', ios(1, assignments=[{'id': 'x', 'target': 'System.Collections.Hashtable'}])), [], ['compliance'])
p(K, 'assignments as text', both('x.json', ios(1, assignments=[grp(groupId=gid(5))])), both('x.json', ios(1, assignments='')), [], 'any')
p(K, 'a description that starts with @{ is a text', both('x.json', ios(1, description='@{x=1}')), both('x.json', ios(1, description='@{x=2}')), [('modified', 'description', 'info')])
p(K, 'last app gone from export', both('Applications/a.json', of('win32LobApp', 1, displayName='A')), W, [], ['app'])
p(K, 'authorization policy on one side only', W, both('Entra/Authorization Policy/a.json', of('authorizationPolicy', None, allowInvitesFrom='everyone')), [], ['authorization_policy'])
p(K, 'apps on both sides, one gone', both('Applications/a.json', of('win32LobApp', 1, displayName='A')) | {'Applications/b.json': of('win32LobApp', 2, displayName='B')}, both('Applications/a.json', of('win32LobApp', 1, displayName='A')), [('removed', '')])
p(K, 'file unreadable: a folder named x.json', both('Filters/f.json', {'id': gid(3), 'displayName': 'F', 'platform': 'iOS', 'rule': 'a'}), W | {'Filters/f.json/readme.txt': 'x'}, [], ['assignment_filter'], ['file_unreadable'])
p(K, 'IM: settings beside policy truncated', {'EndpointSecurity/I.json': wo(of('deviceManagementIntent', 1, templateId=gid(8)), 'settings'), 'EndpointSecurity/I_Settings.json': {'settings': [{'definitionId': 'd', 'valueJson': '1'}]}}, {'EndpointSecurity/I.json': wo(of('deviceManagementIntent', 1, templateId=gid(8)), 'settings'), 'EndpointSecurity/I_Settings.json': '{"settings":[{"definitionId":"d","val'}, [], 'any')
p(K, 'IBR: assignments file truncated', {'Device Configurations/P.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/Assignments/P.json': [grp(groupId=gid(5))]}, {'Device Configurations/P.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/Assignments/P.json': json.dumps([grp(groupId=gid(5))])[:30]}, [], 'any')
p(K, 'big number / NaN', both('Compliance Policies/x.json', ios(1, a=1)), both('Compliance Policies/x.json', json.dumps(ios(1, a=float('nan')))), [], ['compliance'])
p(K, 'too deep', both('Compliance Policies/x.json', ios(1, a=1)), both('Compliance Policies/x.json', json.dumps(ios(1, a=1))[:-1] + ',"b":' + '[' * 5000 + ']' * 5000 + '}'), [], ['compliance'])
p(K, 'merge conflict markers', both('Compliance Policies/x.json', ios(1, a=1)), both('Compliance Policies/x.json', '{\n<<<<<<< HEAD\n"id":"' + gid(1) + '",\n=======\n' + json.dumps(ios(1, a=2))[1:]), [], ['compliance'])
p(K, 'trailing comma', both('Compliance Policies/x.json', ios(1, a=1)), both('Compliance Policies/x.json', json.dumps(ios(1, a=1))[:-1] + ',}'), [], ['compliance'])
p(K, 'git lfs pointer', both('Settings Catalog/x.json', cat(1, sim('d', 1))), both('Settings Catalog/x.json', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n'), [], ['settings_catalog'])
p(K, 'two JSON objects after another (appended)', both('Compliance Policies/x.json', ios(1, a=1)), both('Compliance Policies/x.json', json.dumps(ios(1, a=1)) + '\n' + json.dumps(ios(2, a=1))), [], ['compliance'])
p(K, 'one line per JSON (ndjson) list', both('Compliance Policies/x.json', [ios(1, a=1), ios(2, a=1)]), both('Compliance Policies/x.json', json.dumps(ios(1, a=1)) + '\n' + json.dumps(ios(2, a=2))), [], ['compliance'])
K = '4 unread'
p(K, 'next page inside an ibr folder', {'Device Configurations/a.json': wo(of('iosGeneralDeviceConfiguration', 1), 'assignments'), 'Device Configurations/b.json': wo(of('iosGeneralDeviceConfiguration', 2, displayName='Q'), 'assignments')}, {'Device Configurations/page.json': {'@odata.nextLink': 'https://graph.microsoft.com/x', 'value': [wo(of('iosGeneralDeviceConfiguration', 1), 'assignments')]}}, [], 'any', ['page_missing'])
p(K, 'count above what the page holds', both('p.json', {'@odata.count': 3, 'value': [ios(1), ios(2, displayName='B')]}), both('p.json', {'@odata.count': 3, 'value': [ios(1)]}), [], ['compliance'])
p(K, 'hashtable in ca users', both('c.json', of('conditionalAccessPolicy', 1, state='enabled', conditions={'users': {'includeUsers': ['All']}}, grantControls=None)), both('c.json', of('conditionalAccessPolicy', 1, state='enabled', conditions={'users': 'System.Collections.Hashtable'}, grantControls=None)), [], ['conditional_access'])
p(K, '@{…} in assignments as the text', both('c.json', ios(1, assignments=[grp(groupId=gid(5))])), both('c.json', ios(1, assignments='@{id=x; target=}')), [], ['compliance'])
p(K, 'cut in yaml exports too', both('c.yaml', of('roleDefinition', 1, isBuiltIn=False, rolePermissions=[{'resourceActions': [{'allowedResourceActions': ['a']}]}])), both('c.yaml', of('roleDefinition', 1, isBuiltIn=False, rolePermissions=[{'resourceActions': 'System.Object[]'}])), [], ['role_definition'])
p(K, 'settingCount above, yaml', both('c.yaml', {**cat(1, sim('a', 1), sim('b', 2)), 'settingCount': 2}), both('c.yaml', {**cat(1, sim('a', 1)), 'settingCount': 2}), [], ['settings_catalog'])
p(K, 'unrecognised in Roles', both('Roles/r.json', {'foo': 'bar', 'n': 1}), both('Roles/r.json', {'foo': 'bar', 'n': 2}), [], ['role_definition'])
p(K, 'unrecognised in a mixed folder beside policies of one type', {'x/a.json': ios(1), 'x/b.json': ios(2, displayName='B'), 'x/c.json': {'foo': 1}}, {'x/a.json': ios(1), 'x/b.json': ios(2, displayName='B'), 'x/c.json': {'foo': 2}}, [], ['compliance'])
p(K, 'catalog compliance without actions', both('c.json', {**cat(1, sim('d', 1), scheduledActionsForRule=[{'ruleName': 'r', 'scheduledActionConfigurations': [{'actionType': 'block', 'gracePeriodHours': 0}]}]), '@odata.type': G + 'deviceManagementCompliancePolicy'}), both('c.json', {**cat(1, sim('d', 1)), '@odata.type': G + 'deviceManagementCompliancePolicy'}), [], 'any')
p(K, 'settings null beside settingCount', both('c.json', {**cat(1, sim('a', 1)), 'settingCount': 1}), both('c.json', {**cat(1), 'settings': None, 'settingCount': 1}), [], ['settings_catalog'])
p(K, 'settings null without settingCount', both('c.json', cat(1, sim('a', 1))), both('c.json', {**cat(1), 'settings': None}), [], 'any')
p(K, 'settings [] beside settingCount 3', both('c.json', {**cat(1, sim('a', 1)), 'settingCount': 1}), both('c.json', {**cat(1), 'settingCount': 1}), [], ['settings_catalog'])
p(K, 'comments in json', both('Compliance Policies/c.json', ios(1)), both('Compliance Policies/c.json', '// exported\n' + json.dumps(ios(1, x=1))), [], ['compliance'])
p(K, '0-byte yaml both sides', both('Filters/f.yaml', ''), both('Filters/f.yaml', ''), [], ['assignment_filter'])
p(K, 'a picture named json', both('Compliance Policies/c.json', ios(1)), both('Compliance Policies/c.json', b'\x89PNG\r\n\x1a\n' + bytes(range(256))), [], ['compliance'])
p(K, 'null among members of a page', both('p.json', {'@odata.context': 'https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceCompliancePolicies', 'value': [ios(1), ios(2, displayName='B')]}), both('p.json', {'@odata.context': 'https://graph.microsoft.com/beta/$metadata#deviceManagement/deviceCompliancePolicies', 'value': [ios(1), None]}), [], 'any')
p(K, 'values of oma settings cut', both('c.json', of('windows10CustomConfiguration', 1, omaSettings=[{'@odata.type': G + 'omaSettingInteger', 'omaUri': './a', 'displayName': 'a', 'value': 1}])), both('c.json', of('windows10CustomConfiguration', 1, omaSettings=['@{@odata.type=#microsoft.graph.omaSettingInteger; omaUri=./a}'])), [], ['device_configuration'])
p(K, 'presentation values next link inside', both('t.json', of('groupPolicyConfiguration', 1, definitionValues=[{'enabled': True, 'definition': {'id': gid(5)}, 'presentationValues': [{'value': '1', 'presentation': {'id': gid(6)}}]}])), both('t.json', of('groupPolicyConfiguration', 1, definitionValues=[{'enabled': True, 'definition': {'id': gid(5)}, 'presentationValues': [], 'presentationValues@odata.nextLink': 'https://x'}])), [], ['administrative_template'])
p(K, 'assignments next link in yaml', both('t.yaml', of('win32LobApp', 1, assignments=[grp(groupId=gid(5)), grp(groupId=gid(6))])), both('t.yaml', {**of('win32LobApp', 1, assignments=[grp(groupId=gid(5))]), 'assignments@odata.nextLink': 'https://x'}), [], ['app'])
p(K, 'a page in a page: part page with next link', both('t.json', cat(1, sim('a', 1), sim('b', 1))), both('t.json', {**cat(1), 'settings': {'value': [sim('a', 1)], '@odata.nextLink': 'https://x'}}), [], ['settings_catalog'])
p(K, 'graph error in yaml', both('Filters/f.yaml', filt('F')), both('Filters/f.yaml', {'error': {'code': 'Forbidden', 'message': 'no'}}), [], ['assignment_filter'], ['export_holds_error'])
p(K, 'batch answer of which one failed', both('b.json', {'responses': [{'id': '1', 'status': 200, 'body': {'value': [ios(1)]}}, {'id': '2', 'status': 200, 'body': {'value': [cat(2, sim('d', 1), name='Q')]}}]}), both('b.json', {'responses': [{'id': '1', 'status': 200, 'body': {'value': [ios(1)]}}, {'id': '2', 'status': 403, 'body': {'error': {'code': 'Forbidden', 'message': 'x'}}}]}), [], 'any')
p(K,'a truncated app beside another', both('Applications/a.json', of('win32LobApp', 1, displayName='A1')) | {'Applications/b.json': of('win32LobApp', 2, displayName='A2')}, both('Applications/a.json', of('win32LobApp', 1, displayName='A1')) | {'Applications/b.json': json.dumps(of('win32LobApp', 2, displayName='A2'))[:-30]}, [], ['app'])
p(K,'an app of 0 bytes beside another', both('Applications/a.json', of('win32LobApp', 1, displayName='A1')) | {'Applications/b.json': of('win32LobApp', 2, displayName='A2')}, both('Applications/a.json', of('win32LobApp', 1, displayName='A1')) | {'Applications/b.json': ''}, [], ['app'])
p(K,'the only app truncated', both('Applications/a.json', of('win32LobApp', 1, displayName='A1')), both('Applications/a.json', json.dumps(of('win32LobApp', 1, displayName='A1'))[:-30]), [], ['app'])
p(K,'the only app truncated on both sides', both('Applications/a.json', json.dumps(of('win32LobApp', 1, displayName='A1'))[:-30]), both('Applications/a.json', json.dumps(of('win32LobApp', 1, displayName='A1'))[:-30]), [], ['app'])
p(K,'a connector truncated', both('Apple Push Notification/a.json', {'appleIdentifier':'x'}), both('Apple Push Notification/a.json', '{"appleId'), [], None)
p(K,'device category truncated', both('Device Categories/a.json', of('deviceCategory',1)) | {'Device Categories/b.json': of('deviceCategory',2,displayName='B')}, both('Device Categories/a.json', of('deviceCategory',1)) | {'Device Categories/b.json': '{'}, [], ['device_category'])
p(K,'terms cut by powershell', both('Terms and Conditions/a.json', of('termsAndConditions',1,title='t',x={'a':1})), both('Terms and Conditions/a.json', of('termsAndConditions',1,title='t',x='System.Collections.Hashtable')), [], ['terms_and_conditions'])
p(K,'type only in one side\'s unread part', W, W | {'Scripts/Shell/s.json': json.dumps(of('deviceShellScript',1,scriptContent=b64('a\n')))[:-20]}, [], ['shell_script'])
p(K,'same unknown on both + new policy of that type', {'Filters/a.json':'{'}|W, {'Filters/a.json':'{','Filters/b.json':{'id':gid(4),**filt('B')}}|W, [], 'any')
p(K,'archive in both, unread file in archive is nothing', both('a.json', ios(1)) , both('a.json', ios(1)) | {'__archive__/x/b.json':'{'}, [])
p(K,'groups folder of IM unread is nothing', both('a.json', ios(1)) , both('a.json', ios(1)) | {'Groups/b.json':'{'}, [])
p(K,'xml beside', both('a.json', ios(1)), both('a.json', ios(1)) | {'b.xml': '<a/>', 'c.csv': 'x'}, [])
p(K,'json lines ext', both('a.json', ios(1)), both('a.json', ios(1)) | {'b.jsonl': '{}'}, [])
p(K,'report.json at the top truncated is own', both('report.json', {'a':1}), both('report.json', '{"a'), [], 'any')
p(K,'settings.json in Device Management Settings truncated', both('Device Management Settings/settings.json', {'a':1}), both('Device Management Settings/settings.json', '{"a'), [])
p(K,'what has an id and a name and no type may be a policy', both('Agreements/x.json', {'id': gid(1), 'displayName': 'T', 'isPerDeviceAcceptanceRequired': True}), both('Agreements/x.json', {'id': gid(1), 'displayName': 'T', 'isPerDeviceAcceptanceRequired': False}), [], ['*'], ['not_a_policy'])
p(K,'without an id it is nothing: a package beside', both('package.json', {'name': 'x', 'version': '1'}), both('package.json', {'name': 'x', 'version': '2'}), [], (), ['not_a_policy'])
p(K,'a snapshot of resources is refused by name', both('s.json', {'displayName': 'S', 'resources': [{'displayName': 'P', 'resourceType': 'microsoft.intune.devicecompliancepolicywindows10', 'properties': {'PasswordRequired': True}}]}), both('s.json', {'displayName': 'S', 'resources': [{'displayName': 'P', 'resourceType': 'microsoft.intune.devicecompliancepolicywindows10', 'properties': {'PasswordRequired': False}}]}), [], ['*'], ['foreign_form'])
p(K,'text behind the JSON', both('Compliance Policies/x.json', ios(1, a=1)), both('Compliance Policies/x.json', json.dumps(ios(1, a=2)) + '\n\nDone.\n'), [], 'any', ['json_invalid'])


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_an_input_gives_what_is_written_down(one: Input, tmp_path: Path) -> None:
    check_input(one, tmp_path)
