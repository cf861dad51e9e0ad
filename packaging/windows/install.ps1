# Installs the card bridge for the person who runs this, without administrator rights:
#   powershell -ExecutionPolicy Bypass -File install.ps1
# zaitaku-bridge.exe (make bridge, on Windows) and the .reg files lie beside this file.
$ErrorActionPreference = "Stop"
$folder = Join-Path $env:LOCALAPPDATA "Programs\zaitaku-bridge"
New-Item -ItemType Directory -Force -Path $folder | Out-Null
Get-Process -Name "zaitaku-bridge" -ErrorAction SilentlyContinue | Stop-Process
Copy-Item -Force (Join-Path $PSScriptRoot "zaitaku-bridge.exe") $folder
& reg.exe import (Join-Path $PSScriptRoot "register.reg")
if ($LASTEXITCODE -ne 0) { throw "register.reg" }
Start-Process (Join-Path $folder "zaitaku-bridge.exe")
