# SPDX-License-Identifier: Apache-2.0
"""The management daemon, and what it does at each message."""
