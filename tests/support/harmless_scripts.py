# ruff: noqa: E501 - a script's lines are as long as people write them
"""Scripts as administrators write them, without a secret: PowerShell and shell, with ids, hashes, paths, addresses, German."""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import Final

_POWERSHELL: Final = r"""
# Setzt die Startseite und prüft den Kennwortverlauf, siehe Ticket {n}
<# .SYNOPSIS Detects whether {app} is installed in the expected version #>
[CmdletBinding()] param([string]$ComputerName = $env:COMPUTERNAME, [switch]$Force)
$ErrorActionPreference = 'SilentlyContinue'
Set-StrictMode -Version Latest
$regPath = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\{area}'
if (-not (Test-Path -Path $regPath)) {{ New-Item -Path $regPath -Force | Out-Null }}
New-ItemProperty -Path $regPath -Name 'Enable{area}' -Value 1 -PropertyType DWORD -Force
Set-ItemProperty -Path 'HKCU:\Control Panel\Desktop' -Name 'ScreenSaveTimeOut' -Value '{n}'
$uninstall = Get-ChildItem 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall\{{{guid}}}'
$product = Get-CimInstance -ClassName Win32_Product -Filter "IdentifyingNumber='{{{guid}}}'"
if ((Get-FileHash -Path $file -Algorithm SHA256).Hash -ne '{sha256}') {{ exit 1 }}
$cert = Get-ChildItem Cert:\LocalMachine\My | Where-Object {{ $_.Thumbprint -eq '{sha1}' }}
$version = [version](Get-Item "$env:ProgramFiles\{app}\{app}.exe").VersionInfo.FileVersion
if ($version -lt [version]'{version}') {{ Write-Output "Update needed: $version"; exit 1 }}
Start-Process msiexec.exe -ArgumentList "/i `"$PSScriptRoot\{app}.msi`" /qn /norestart ALLUSERS=1" -Wait
Get-AppxPackage -AllUsers -Name 'Microsoft.{area}' | Remove-AppxPackage -AllUsers
Add-AppxProvisionedPackage -Online -PackagePath .\Microsoft.{area}_{version}_x64__8wekyb3d8bbwe.msixbundle
Get-Service -Name 'WinDefend','wuauserv','BITS' | Where-Object Status -ne 'Running' | Start-Service
schtasks.exe /Create /TN "Contoso\{area} Cleanup" /SC DAILY /ST 08:00 /RU SYSTEM /TR "powershell.exe -NoProfile -File C:\ProgramData\Contoso\{app}.ps1"
$events = Get-WinEvent -FilterHashtable @{{ LogName = 'Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin'; Id = {n} }}
Invoke-WebRequest -Uri 'https://download.contoso.com/packages/{app}/{version}/setup.exe' -OutFile "$env:TEMP\setup.exe" -UseBasicParsing
$tenantId = '{guid}'
$groupId = "{guid}"; $filterId = "{guid}"
$adapter = Get-NetAdapter | Where-Object {{ $_.MacAddress -eq '00-15-5D-{mac}' }}
netsh advfirewall firewall add rule name="{area} in" dir=in action=allow protocol=TCP localport={n}
reg add "HKLM\SOFTWARE\Microsoft\PolicyManager\default\{area}" /v Allow{area} /t REG_DWORD /d 0 /f
$users = Get-LocalUser | Where-Object {{ $_.Enabled -and $_.SID -like 'S-1-5-21-*-500' }}
$bitlocker = Get-BitLockerVolume -MountPoint $env:SystemDrive; $bitlocker.KeyProtector | Where-Object KeyProtectorType -eq 'RecoveryPassword'
BackupToAAD-BitLockerKeyProtector -MountPoint $env:SystemDrive -KeyProtectorId $protector.KeyProtectorId
$json = $settings | ConvertTo-Json -Depth 10 -Compress
try {{ Install-Module -Name PSWindowsUpdate -Scope AllUsers -Force -ErrorAction Stop }} catch {{ Write-Error $_.Exception.Message; exit 1 }}
[Environment]::SetEnvironmentVariable('{app}_HOME', 'C:\Program Files\{app}', 'Machine')
$shortcut = (New-Object -ComObject WScript.Shell).CreateShortcut("$env:PUBLIC\Desktop\{app}.lnk")
$policy.MinimumPasswordLength = 14; $policy.PasswordHistoryCount = 24; $policy.TokenLifetimeMinutes = 60
Write-Host "Passwort läuft in $days Tagen ab." -ForegroundColor Yellow
New-ItemProperty -Path 'HKLM:\SOFTWARE\Policies\Microsoft\Edge\ExtensionInstallForcelist' -Name 1 -Value 'odfafepnkmbhccpbejgmiehpchacaeak;https://edge.microsoft.com/extensionwebstorebase/v1/crx'
if ($LASTEXITCODE -notin 0, 1641, 3010) {{ throw "Setup ended with $LASTEXITCODE" }}
Get-ScheduledTask -TaskName 'Schedule #3 created by enrollment client' | Start-ScheduledTask
$credential = Get-Credential -Message 'Sign in'
$token = Get-MsalToken -ClientId $clientId -TenantId $tenantId -Interactive
$headers = @{{ Authorization = "Bearer $($token.AccessToken)" }}
$keyName = 'DisablePasswordReveal'; $valueName = 'LimitBlankPasswordUse'
""".strip().split("\n")

_SHELL: Final = r"""
#!/bin/zsh
# Installs {app} and keeps it current; written for macOS 14 and later
set -euo pipefail
log="/Library/Logs/Microsoft/IntuneScripts/{app}/{app}.log"
mkdir -p "$(dirname "$log")" && exec > >(tee -a "$log") 2>&1
consoleUser=$(stat -f "%Su" /dev/console)
weburl="https://go.microsoft.com/fwlink/?linkid=20{n}"
curl -f -s --connect-timeout 30 --retry 5 -L -o "$tempdir/{app}.pkg" "$weburl"
/usr/sbin/installer -pkg "$tempdir/{app}.pkg" -target /
defaults write /Library/Preferences/com.microsoft.{app}.plist EnableAutoUpdate -bool true
if [[ "$(shasum -a 256 "$f" | awk '{{print $1}}')" != "{sha256}" ]]; then exit 1; fi
/usr/libexec/PlistBuddy -c "Print :CFBundleShortVersionString" "/Applications/{app}.app/Contents/Info.plist"
launchctl bootstrap gui/$(id -u "$consoleUser") /Library/LaunchAgents/com.contoso.{app}.plist
sudo -u "$consoleUser" osascript -e 'display notification "Bitte neu starten" with title "{app}"'
pmset -a displaysleep {n} sleep 0
systemsetup -settimezone Europe/Vienna
profiles show -type configuration | grep -c "{guid}"
codesign -dv --verbose=4 "/Applications/{app}.app" 2>&1 | grep TeamIdentifier=UBF8T346G9
spctl --assess --type execute "/Applications/{app}.app" || echo "not notarised"
for i in $(seq 1 10); do [ -f "/var/db/.AppleSetupDone" ] && break; sleep {n}; done
""".strip().split("\n")

_APPS: Final = (
    "CompanyPortal",
    "SevenZip",
    "NotepadPlusPlus",
    "AdobeReader",
    "GlobalProtect",
    "Zoom",
    "Firefox",
    "Teams",
)
_AREAS: Final = (
    "WindowsUpdate",
    "DeliveryOptimization",
    "BitLocker",
    "CloudContent",
    "DataCollection",
    "System",
    "Explorer",
)


def scripts(seed: int, count: int) -> list[str]:
    """That many scripts of some thirty lines."""
    r = random.Random(seed)
    return [
        "\n".join(_line(r, r.choice(lines)) for _ in range(30)) for lines in r.choices((_POWERSHELL, _SHELL), k=count)
    ]


def _line(r: random.Random, template: str) -> str:
    return template.format(
        app=r.choice(_APPS),
        area=r.choice(_AREAS),
        n=r.randrange(10, 5000),
        guid=uuid.UUID(int=r.getrandbits(128), version=4),
        sha256=hashlib.sha256(r.randbytes(8)).hexdigest().upper(),
        sha1=hashlib.sha1(r.randbytes(8), usedforsecurity=False).hexdigest().upper(),
        version=f"{r.randrange(20)}.{r.randrange(20)}.{r.randrange(9999)}.{r.randrange(9999)}",
        mac="-".join(f"{r.randrange(256):02X}" for _ in range(3)),
    )
