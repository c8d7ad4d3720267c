# SPDX-License-Identifier: Apache-2.0
"""Backups in the panel: where they go, how they are, the recovery sheet, and bringing one back."""
