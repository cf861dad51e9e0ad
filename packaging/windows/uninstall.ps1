# Takes back everything that install.ps1 has done.
$ErrorActionPreference = "Stop"
$folder = Join-Path $env:LOCALAPPDATA "Programs\zaitaku-bridge"
Get-Process -Name "zaitaku-bridge" -ErrorAction SilentlyContinue | Stop-Process
& reg.exe import (Join-Path $PSScriptRoot "unregister.reg")
if ($LASTEXITCODE -ne 0) { throw "unregister.reg" }
if (Test-Path $folder) { Remove-Item -Recurse -Force $folder }
