"""The news that a model is ready, or why there is none."""

from typing import TYPE_CHECKING

from napari.utils.notifications import (
    Notification,
    NotificationSeverity,
    notification_manager,
    show_error,
)

from napari_mcwss.plugin.session.session import Session

if TYPE_CHECKING:
    from napari_mcwss.study.study import Study


def announce(session: Session, study: "Study", model: str, news: str) -> None:
    """Tell that a model is ready, wherever the user is now, and lead to its results."""
    actions = [("Show the results", lambda *_: _show_results(session, study, model))]
    text = of_study(session, study, news)
    notification_manager.dispatch(Notification(text, NotificationSeverity.INFO, actions=actions))


def of_study(session: Session, study: "Study | None", text: str) -> str:
    """Name the study that a text is about, if it is not the open one."""
    elsewhere = study is not None and study is not session.study
    return f"{study.folder.name}: {text}" if study is not None and elsewhere else text


def failure(error: BaseException | None) -> str:
    """Return why a training failed: the notification disappears, and shows only a part."""
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return f"Failed: {reason}." if reason else "Failed."


def _show_results(session: Session, study: "Study", model: str) -> None:
    if study is not session.study:
        show_error(f"Open the study of {model} first: '{study.folder}'")
        return
    if not len(session.results_wanted):  # the Results dock was not opened yet
        session.viewer.window.add_plugin_dock_widget("napari-mcwss", "Results")
    session.results_wanted.emit(model)
