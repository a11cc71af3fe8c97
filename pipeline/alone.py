"""Alone: a gateway in this process, and what is done to it from outside."""

from collections.abc import Callable, Sequence

import attrs
import structlog
import trio

from pipeline.announcing import announcement
from pipeline.config import Config, Log
from pipeline.loaded import Outcome
from pipeline.pauses import settle, spare
from pipeline.problems import ConfigError
from pipeline.serving import Running, serve
from pipeline.sockets import Listener

log = structlog.get_logger("pipeline")


@attrs.frozen(eq=False)
class Alone:
    """A gateway that listens (``attending.Attended``)."""

    running: Running
    again: Callable[[], Config]  # reads the configuration anew
    relog: Callable[[Log], None]  # logs as it says

    @property
    def urls(self) -> list[str]:
        """Where it is."""
        return self.running.urls

    @property
    def text(self) -> str:
        """What it says of itself."""
        return announcement(self.running)

    def end(self, *, at_once: bool) -> None:
        """Let what runs finish, or not."""
        self.running.drain.begin(0 if at_once else self.running.built.config.server.drain)

    async def reload(self) -> Outcome:
        """Read the configuration anew, and put it in force if nothing is wrong with it."""
        try:
            config = await trio.to_thread.run_sync(self.again)
            outcome = Outcome(waiting=await self.running.reload(config))
            self.relog(config.log)
        except ConfigError as error:
            outcome = Outcome(error.lines)
        except OSError as error:
            outcome = Outcome([f"{error.filename}: {error.strerror}"])  # of the log
        if outcome.problems:
            self.running.gateway.loaded.refused(outcome.problems)
            log.error("the configuration is refused, the one of before stays in force", problems=outcome.problems)
        else:
            log.info("the configuration is in force", after_a_restart=outcome.waiting)
        return outcome


async def answer(
    config: Config,
    again: Callable[[], Config],
    relog: Callable[[Log], None],
    listeners: Sequence[Listener],
    *,
    task_status: trio.TaskStatus[Alone],
) -> None:
    """Task: serve on *listeners* as *config* says, until drained.  Reports an Alone when it listens."""
    async with trio.open_nursery() as nursery:

        async def through(*, task_status: trio.TaskStatus[Running]) -> None:
            await serve(config, listeners=listeners, task_status=task_status)
            nursery.cancel_scope.cancel()

        running = await nursery.start(through)
        settle()
        nursery.start_soon(spare, running.gateway.live, name="spare")
        task_status.started(Alone(running, again, relog))
