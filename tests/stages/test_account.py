"""The account: what an exchange costs, asked before it is sent, while it runs, and when its prompt is gone."""

import json
from typing import Any

from pipeline.errors import Forbidden, UpstreamFailed
from pipeline.events import Finished, Started, Usage
from pipeline.exchange import Attempt, Exchange
from pipeline.prompt import Edit, Prompt
from stages.account import Account
from stages.prices.catalogue import Catalogue
from stages.prices.cost import Price, Rates
from tests.doubles import exchange

RATES = Rates(input=1_000_000, output=10_000_000, cache_read=0, cache_write_5m=0, cache_write_1h=0)
PRICE = Price(("m",), "a list", ((0, RATES),), factors={"service_tier": {"batch": (1, 2)}})
USED = Usage(input=1000, output=10)


def asked(**said: Any) -> Exchange:
    """An exchange that says *said*, at its first attempt."""
    body = json.dumps({"model": "m"} | said).encode()
    return exchange(body, attempts=[Attempt("up", "m", 0.0)])


async def test_terms_hold_when_the_prompt_is_let_go_of() -> None:
    """What was asked of service is looked up once a try: at the commit the prompt's bytes are released."""
    x = asked(service_tier="batch")
    account = Account(x, Catalogue((PRICE,)))
    await account.begin(x.attempts[0])
    x.prompt = Prompt("words", b"{}")
    quote = account.quoting(x.attempts[0])
    assert quote is not None
    assert quote(USED) == (1000 + 100) // 2
    account.count(Finished(usage=USED))
    assert account.close().cost == 550


async def test_each_try_has_its_own_terms() -> None:
    """An upstream that does not get the word that makes it cheaper bills in full."""
    x = asked(service_tier="batch")
    account = Account(x, Catalogue((PRICE,)))
    await account.begin(x.attempts[0])
    x.prompt = Prompt("words", b"{}")
    x.attempts.append(Attempt("other", "m", 0.0))
    await account.begin(x.attempts[1])
    account.count(Started("r", "m"))
    account.count(Finished(usage=USED))
    assert account.close().cost == 1100


async def test_each_version_names_the_try_it_is_of() -> None:
    """Upstream and model are the last try's, also of one that was never begun; who asked is the same in all."""
    x = asked()
    account = Account(x, Catalogue((PRICE,)))
    await account.begin(x.attempts[0])
    assert account.spent() == 4
    x.attempts.append(Attempt("other", "unheard", 0.0))
    assert account.spent() == 4
    x.attempts[1].error = Forbidden("no price is known")
    record = account.close()
    assert (record.id, record.upstream, record.model) == (x.id, "other", "unheard")


async def test_changes_are_put_down_as_they_were_recorded() -> None:
    """Stage, place, what was done, why, and whether something is lost."""
    x = asked()
    account = Account(x, Catalogue((PRICE,)))
    await account.begin(x.attempts[0])
    x.attempts[0].edits = [Edit("translate", "logit_bias", "dropped", "no equivalent", lossy=True)]
    assert json.loads(account.close().changes) == [
        {"stage": "translate", "path": "logit_bias", "action": "dropped", "why": "no equivalent", "lossy": True}
    ]


async def test_a_try_that_was_never_sent_costs_nothing() -> None:
    """It was refused here, by a limit or for what can't be translated: no token of it is in the books, nor a doubt."""
    x = asked()
    account = Account(x, Catalogue((PRICE,)))
    x.attempts[0].error = Forbidden("no price is known")
    record = account.close()
    assert (record.input, record.cost, record.flags) == (0, 0, 0)


async def test_a_second_try_that_was_never_sent_adds_nothing() -> None:
    """What the first one used is all that anybody charges for."""
    x = asked()
    account = Account(x, Catalogue((PRICE,)))
    await account.begin(x.attempts[0])
    x.attempts[0].error, x.attempts[0].usage = UpstreamFailed("it broke off"), USED
    x.attempts.append(Attempt("other", "unheard", 0.0, error=Forbidden("no price is known")))
    record = account.close()
    assert (record.input, record.cost, record.flags) == (0, 1100, 0)
