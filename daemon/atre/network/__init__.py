# SPDX-License-Identifier: Apache-2.0
"""The box's own address: chosen, tried for half a minute, kept or taken back."""
