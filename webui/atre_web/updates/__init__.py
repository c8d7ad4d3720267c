# SPDX-License-Identifier: Apache-2.0
"""Updates of the box in the panel: what runs, what there is, putting it in, and going back."""
