# SPDX-License-Identifier: Apache-2.0
"""Back to how the box was delivered, and proof that somebody stands before it."""
