# SPDX-License-Identifier: Apache-2.0
"""What may be wrong with a new version, brought to one by the test while it is on trial only."""

from collections.abc import Mapping
from typing import NamedTuple

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
Type={kind}
ExecStart=/usr/bin/sh -c '{command}'
"""
_WANTED = "[Unit]\nWants=test-shell.service test-sickness.service\n"


class Sickness(NamedTuple):
    """``failed`` is the check that never passes, None where nobody is left to ask."""

    credentials: Mapping[str, str]
    failed: str | None = None


def _early(command: str, kind: str = "oneshot") -> dict[str, str]:
    return {
        **CREDENTIALS,
        "systemd.extra-unit.test-sickness.service": _EARLY.format(command=command, kind=kind),
        "systemd.unit-dropin.sysinit.target": _WANTED,
    }


SICKNESSES = {
    # sysrq c: the kernel's own way to crash (Documentation/admin-guide/sysrq.rst).
    "panics": Sickness(_early("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger")),
    # A systemd that stands still pets no watchdog (Documentation/admin-guide/cgroup-v2.rst).
    "hangs": Sickness(_early("echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze; sleep infinity")),
    "systemd": Sickness(_early("kill -SEGV 1; sleep infinity")),
    "engine": Sickness(
        {
            **CREDENTIALS,
            "systemd.unit-dropin.atre-engine@.service": (
                f"[Service]\nExecStartPre=/usr/bin/sh -c '! {_ON_TRIAL}'\n"
            ),
        },
        failed="services",
    ),
    # It dies as often as the box starts it; the pattern does not match this command itself.
    "panel": Sickness(
        _early('while sleep 1; do pkill -KILL -f "atre_web[.]cli serve"; done', kind="exec"),
        failed="panel",
    ),
}
