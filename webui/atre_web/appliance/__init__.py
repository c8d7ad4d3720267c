# SPDX-License-Identifier: Apache-2.0
"""The box as a machine in the panel: its address, a factory reset, and a lost password."""
