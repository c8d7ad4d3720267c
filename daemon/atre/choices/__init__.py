# SPDX-License-Identifier: Apache-2.0
"""What the office chose, in files that outlive a start."""
