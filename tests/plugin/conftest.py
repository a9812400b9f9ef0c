"""What tests of several docks share."""

from collections.abc import Iterator

import pytest
from napari.utils.notifications import Notification, notification_manager


@pytest.fixture
def told() -> Iterator[list[Notification]]:
    """Notifications so far."""
    notifications: list[Notification] = []
    notification_manager.notification_ready.connect(notifications.append)
    yield notifications
    notification_manager.notification_ready.disconnect(notifications.append)
