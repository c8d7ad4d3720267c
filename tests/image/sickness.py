# SPDX-License-Identifier: Apache-2.0
"""What may be wrong with a new version, brought to one by the test while it is on trial only."""

from tests.image.shell import CREDENTIALS

_ON_TRIAL = r'grep -q "atre\.trial=[^ ]" /proc/cmdline'
# Not in the initrd, whose systemd reads the same credentials.
_EARLY = """\
[Unit]
Description=The test's sickness
DefaultDependencies=no
ConditionKernelCommandLine=!atre.trial=
ConditionPathExists=!/etc/initrd-release
After=local-fs.target
Before=atre.service
[Service]
Type=oneshot
ExecStart=/usr/bin/sh -c '{command}'
"""
_WANTED = "[Unit]\nWants=test-shell.service test-sickness.service\n"
_SITE = "/opt/atre/.venv/lib/python3.13/site-packages"


def _early(command: str) -> dict[str, str]:
    return {
        **CREDENTIALS,
        "systemd.extra-unit.test-sickness.service": _EARLY.format(command=command),
        "systemd.unit-dropin.sysinit.target": _WANTED,
    }


SICKNESSES = {
    # sysrq c: the kernel's own way to crash (Documentation/admin-guide/sysrq.rst).
    "panics": _early("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"),
    # A systemd that stands still pets no watchdog (Documentation/admin-guide/cgroup-v2.rst).
    "hangs": _early("echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze; sleep infinity"),
    "systemd": _early("kill -SEGV 1; sleep infinity"),
    "engine": {
        **CREDENTIALS,
        "systemd.unit-dropin.atre-engine@.service": (
            f"[Service]\nExecStartPre=/usr/bin/sh -c '! {_ON_TRIAL}'\n"
        ),
    },
    "panel": _early(f"mount --bind /dev/null {_SITE}/atre_web/worker.py"),
}
