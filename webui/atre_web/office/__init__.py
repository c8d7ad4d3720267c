# SPDX-License-Identifier: Apache-2.0
"""The administration of the box, for its managers; everybody sees their own usage."""
