"""Probes: one realistic value for every field of every protocol, by protocol; see ``bench.fields``."""

from bench.probes import chat, messages, responses
from bench.probes.group import Group as Group

PROBES: dict[str, tuple[Group, ...]] = {
    "anthropic": messages.GROUPS,
    "chat": chat.GROUPS,
    "responses": responses.GROUPS,
}
