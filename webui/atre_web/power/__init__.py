# SPDX-License-Identifier: Apache-2.0
"""The panel's rooms about electricity: what the box takes, what that costs, how it is known."""
