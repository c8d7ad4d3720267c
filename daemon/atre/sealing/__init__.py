# SPDX-License-Identifier: Apache-2.0
"""The last step before a unit is packed: nothing of the bench is left, nothing is missing."""
