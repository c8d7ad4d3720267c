# SPDX-License-Identifier: Apache-2.0
"""When updates do something by themselves. Pure."""

import datetime as dt

from atre.ipc.update_replies import Offer, UpdatePolicy

_LOOK_EVERY_S = 24 * 3600.0


def next_hour(now: dt.datetime, hour: int) -> dt.datetime:
    """The next time that the office's clock shows that hour."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + dt.timedelta(days=1)


def is_look_due(policy: UpdatePolicy, offer: Offer | None, now: dt.datetime) -> bool:
    """Whether to ask the channel: once a day, and only if the office turned that on."""
    if not policy.asks_channel:
        return False
    since_s = now.timestamp() - offer.found_at if offer else _LOOK_EVERY_S
    return since_s >= _LOOK_EVERY_S or since_s < 0  # a clock that was set back


def is_install_due(
    policy: UpdatePolicy, offer: Offer | None, now: dt.datetime, tried_at: dt.datetime | None
) -> bool:
    """Whether to install what the channel has: at the hour, once a day."""
    if not (policy.asks_channel and policy.installs_itself) or offer is None:
        return False
    if offer.source != "channel" or offer.release is None or offer.refusal is not None:
        return False
    was_tried = tried_at is not None and tried_at.date() == now.date()
    return now.hour == policy.hour and not was_tried
