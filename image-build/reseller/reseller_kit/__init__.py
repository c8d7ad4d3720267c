# SPDX-License-Identifier: Apache-2.0
"""What a reseller prepares units with: identities, labels, flashing."""
