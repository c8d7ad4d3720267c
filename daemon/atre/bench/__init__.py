# SPDX-License-Identifier: Apache-2.0
"""Measures any OpenAI-compatible server through its front door."""
