# SPDX-License-Identifier: Apache-2.0
"""``atre power``: what the machine takes, took and costs."""

from atre.cli.power.command import power

__all__ = ["power"]
