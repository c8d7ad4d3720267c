# SPDX-License-Identifier: Apache-2.0
"""What runs on this machine, and how: decided from facts, measured where facts do not say."""
