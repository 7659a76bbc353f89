"""Whether a key that a caller shows is good, asked of the table once in a while and not for every request."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from jobs.clock import Clock
from jobs.errors import AWS_ERRORS, InvalidKey
from jobs.key_store import KeyStore
from jobs.keys import KEY, PUBLIC, ApiKey, NewKey, make_key

logger = Logger()

#: How long what the table said of an id is taken for true. A revoked key is of no use after that, and the last answer
#: that was held for it is out 25 seconds later.
TRUSTED_FOR = timedelta(seconds=20)

#: How many ids are remembered; beyond that the one that was looked up longest ago is forgotten.
REMEMBERED = 1000

#: How often it is noted that a key is in use.
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass
class KeyRing:
    """The keys of a deployment, as whoever guards its doors knows them.

    An id without a record is remembered as one with a record is, and its secret is compared all the same, with that of
    a key which nobody has. So neither the answer nor its time tells whether an id is in use.
    """

    store: KeyStore
    clock: Clock
    _looks: OrderedDict[str, tuple[datetime, ApiKey | None]] = field(default_factory=OrderedDict)
    _nobodys: ApiKey = field(init=False)

    def __post_init__(self) -> None:
        self._nobodys, _ = make_key(NewKey(name="nobody's", tenant=PUBLIC), self.clock())

    def open_with(self, shown: str) -> ApiKey:
        """Return the key that a caller shows; raises InvalidKey unless it is one and has not been revoked."""
        parts = KEY.fullmatch(shown)
        if parts is None:
            raise InvalidKey
        key = self._look_up(parts["key_id"])
        fits = (key or self._nobodys).opens_with(parts["secret"])
        if key is None or not fits or key.revoked_at is not None:
            raise InvalidKey
        self._note_use(key)
        return key

    def _look_up(self, key_id: str) -> ApiKey | None:
        looked_at, key = self._looks.get(key_id, (None, None))
        now = self.clock()
        if looked_at is None or now >= looked_at + TRUSTED_FOR:
            key = self.store.find(key_id)
            self._remember(key_id, now, key)
        return key

    def _remember(self, key_id: str, looked_at: datetime, key: ApiKey | None) -> None:
        self._looks.pop(key_id, None)
        self._looks[key_id] = looked_at, key
        if len(self._looks) > REMEMBERED:
            self._looks.popitem(last=False)

    def _note_use(self, key: ApiKey) -> None:
        now = self.clock()
        if key.last_used_at is not None and now < key.last_used_at + USE_NOTED_EVERY:
            return
        looked_at, _ = self._looks[key.key_id]
        self._looks[key.key_id] = looked_at, replace(key, last_used_at=now)
        try:
            self.store.note_use(key.key_id, now, USE_NOTED_EVERY)
        except AWS_ERRORS as error:
            logger.warning("The use of a key was not noted", key_id=key.key_id, exc_info=error)
