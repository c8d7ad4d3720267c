# SPDX-License-Identifier: Apache-2.0
"""Limits of power that eco mode lowers, and puts back."""
