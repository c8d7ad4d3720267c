# SPDX-License-Identifier: Apache-2.0
"""The power sources of a machine, one file each."""
