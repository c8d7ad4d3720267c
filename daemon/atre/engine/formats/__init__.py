# SPDX-License-Identifier: Apache-2.0
"""How model families write what is not plain text: thoughts and tool calls; pure."""
