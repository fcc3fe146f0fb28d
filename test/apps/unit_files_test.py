#!/usr/bin/env python3
"""The files for systemd: complete, hardened, and understood by systemd where it is there.

unit_files_test.py oocrpcd.service oocrpcd.socket
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HARDENED = """NoNewPrivileges PrivateTmp PrivateDevices ProtectHome ProtectKernelLogs
    ProtectKernelModules ProtectKernelTunables ProtectControlGroups ProtectClock LockPersonality
    MemoryDenyWriteExecute RestrictNamespaces RestrictRealtime RestrictSUIDSGID DynamicUser""".split()


def parse(path):
    """Each section's names, with all the values that each has."""
    sections, at = {}, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            at = sections.setdefault(line.strip("[]"), {})
            continue
        name, equals, value = line.partition("=")
        assert at is not None and equals and name.isalnum(), f"{path}:{number}: {line}"
        at.setdefault(name, []).append(value)
    return sections


def check_service(unit):
    service = unit["Service"]
    for name in HARDENED:
        assert service[name] == ["yes"], name
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert "@system-service" in service["SystemCallFilter"]
    assert service["Type"] == ["notify"] and int(service["WatchdogSec"][0]) > 0
    assert service["Restart"] == ["on-failure"]
    # What does not get better by trying again: command line, input, permissions, configuration.
    assert service["RestartPreventExitStatus"][0].split() == ["64", "66", "77", "78"]
    assert service["UMask"] == ["0007"]  # the group may connect to Unix sockets
    assert unit["Unit"]["Documentation"] == ["man:oocrpcd(8)"]
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    program, *arguments = service["ExecStart"][0].split()
    assert pathlib.PurePath(program).is_absolute() and program.endswith("/oocrpcd"), program
    config = pathlib.PurePath(arguments[arguments.index("--config") + 1])
    assert config.is_absolute(), config
    assert unit["Unit"]["ConditionPathExists"] == [str(config)]


def check_socket(unit):
    assert unit["Socket"]["ListenStream"], unit
    assert "Accept" not in unit["Socket"]  # it is the daemon that accepts
    assert unit["Install"]["WantedBy"] == ["sockets.target"]


def verify(files):
    """systemd's own opinion, on copies whose program is one that exists."""
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not there: only parsed")
        return
    with tempfile.TemporaryDirectory() as place:
        copies = []
        for path in files:
            text = path.read_text()
            for line in text.splitlines():
                if line.startswith("ExecStart="):
                    text = text.replace(line, "ExecStart=/bin/true")
            copies.append(pathlib.Path(place, path.name))
            copies[-1].write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, copies)],
                              capture_output=True, text=True, timeout=60)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "oocrpcd" in line]
        assert not said, "\n".join(said)
        if done.returncode:  # for example in a container where systemd does not run
            print("systemd-analyze could not verify:", done.stderr.strip())


service, socket = map(pathlib.Path, sys.argv[1:])
for file in service, socket:
    assert "@sysconfdir@" not in file.read_text() and "@bindir@" not in file.read_text(), file
check_service(parse(service))
check_socket(parse(socket))
verify([service, socket])
print("unit files: ok")
