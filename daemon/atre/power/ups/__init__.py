# SPDX-License-Identifier: Apache-2.0
"""The UPS, as Network UPS Tools tells it, and what the box does when the mains fail."""
