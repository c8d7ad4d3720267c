# SPDX-License-Identifier: Apache-2.0
"""Where backups go: disks that are plugged in, folders, mounted shares and servers."""
