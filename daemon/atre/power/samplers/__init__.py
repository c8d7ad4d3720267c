# SPDX-License-Identifier: Apache-2.0
"""One file for each kind of power source; ``found`` tells which of them this machine has."""
