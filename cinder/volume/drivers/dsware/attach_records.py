# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What the driver attached where: records in Cinder's database.

Dsware has no query for attachments, and Cinder's own records miss some:
while an attachment is under way, when a service dies in between, and when
the volume service uses a volume itself, to copy an image say. So before the
driver attaches a volume it notes that in the volume's admin metadata, which
users do not see and which all volume services of a deployment share. The
caller holds the volume's lock whenever it changes something.
"""

import dataclasses
import json
import time

from oslo_log import log as logging

from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware import operations
from os_brick_dsware import logs

LOG = logging.getLogger(__name__)

#: Volumes with records have this; only whole pairs can be searched for.
MARK = {'dsware_attached': 'yes'}
_AT = 'dsware_at:'
_USE = 'dsware_use:'
# Of a column in Cinder's database.
_MAX_TEXT = 255
# Of the time of a doubt in a record.
_DOUBT_TEXT = 12


@dataclasses.dataclass(frozen=True)
class Run:
    """A volume service from its start to its end.

    Of two runs of one service the later one is alone: Cinder wants the
    name of each volume service to be unique.

    :param service: the service, HOST@BACKEND
    :param key: what no other run has
    """

    service: str
    key: str

    def is_over(self, other: 'Run') -> bool:
        """Tell whether another run has certainly ended, as seen by this.

        :param other: the run that a record was made by
        """
        return self.service == other.service and self.key != other.key


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a volume is attached.

    :param agent: the :class:`operations.Endpoint` of the host's agent
    :param host: the name of the host in its connector
    """

    agent: operations.Endpoint
    host: str

    def is_same_host(self, address: str, host: str | None) -> bool:
        """Tell whether a user is on the same host, as far as is known.

        A host can have more than one name, as Nova and Cinder configure
        their own, and more than one address.

        :param address: the address of the user's agent
        :param host: the name of the user's host
        """
        return self.agent.host == address or self.host == host


@dataclasses.dataclass(frozen=True)
class Attached:
    """The driver attached a volume, or was about to.

    :param place: where
    :param since: when last, in seconds of the wall clock
    :param run: by which service
    :param doubt: when the driver last gave up waiting for the answer of the
        cluster, in seconds of the wall clock; 0 for never
    """

    place: Place
    since: float
    run: Run
    doubt: float = 0

    def is_recent(self, seconds: float) -> bool:
        """Tell whether it was attached a short while ago.

        :param seconds: how long that is
        """
        return 0 <= time.time() - self.since < seconds

    def is_doubtful(self, seconds: float) -> bool:
        """Tell whether the cluster may attach it only now.

        :param seconds: for how long the cluster may carry out a request
            that the driver has given up
        """
        return 0 <= time.time() - self.doubt < seconds


@dataclasses.dataclass(frozen=True)
class OwnUse:
    """A volume service uses a volume itself.

    :param token: identifies the use
    :param place: where
    :param run: which service
    """

    token: str
    place: Place
    run: Run


class Records:
    """The records of one volume.

    :param volume_id: the volume
    :param metadata: its admin metadata
    """

    def __init__(self, volume_id, metadata):
        self._volume_id = volume_id
        self._keys = {key for key in metadata
                      if key.startswith((_AT, _USE))}
        #: Attached by the address of the agent.
        self.attached = {}
        #: OwnUse by token.
        self.uses = {}
        for key in sorted(self._keys):
            self._read(key, metadata[key])

    def _read(self, key, value):
        try:
            if key.startswith(_AT):
                self._add(_attached(key.removeprefix(_AT), *json.loads(value)))
            else:
                self._add(_own_use(key.removeprefix(_USE),
                                   *json.loads(value)))
        except (TypeError, ValueError) as error:
            logs.write(
                LOG, logging.ERROR,
                'Volume %(volume)s: %(key)s = %(value)s in its admin '
                'metadata is not understood: %(error)s', {
                    'volume': self._volume_id, 'key': key, 'value': value,
                    'error': error})

    def _add(self, record):
        if isinstance(record, Attached):
            self.attached[record.place.agent.host] = record
        else:
            self.uses[record.token] = record

    def begin(self, place: Place, run: Run, token: str = '') -> None:
        """Note that a volume is about to be attached.

        :param place: where
        :param run: by which service
        :param token: identifies a use of the service's own
        :raises InvalidInput: names are too long to be noted
        """
        before = self.attached.get(place.agent.host)
        made = [Attached(place, time.time(), run,
                         before.doubt if before else 0)]
        if token:
            made.append(OwnUse(token, place, run))
        texts = dict(map(_written, made))
        # A doubt may have to be added later.
        if any(len(text) > _MAX_TEXT - _DOUBT_TEXT
               for pair in texts.items() for text in pair):
            raise exception.InvalidInput(reason=_(
                'the names of host %(host)s and of its agent %(agent)s are '
                'too long') % {'host': place.host, 'agent': place.agent})
        self._save(made, texts)

    def doubt(self, place: Place) -> None:
        """Note that nobody knows what became of a request to attach.

        :param place: where; there is a record
        """
        now = time.time()
        record = dataclasses.replace(self.attached[place.agent.host],
                                     since=now, doubt=now)
        self._save([record], dict([_written(record)]))

    def _save(self, made, texts):
        db.volume_admin_metadata_update(
            _context(), self._volume_id, {**MARK, **texts}, False)
        self._keys |= set(texts)
        for record in made:
            self._add(record)

    def end(self, token: str) -> None:
        """Note that a use of a service's own is over.

        :param token: identifies it; one that is not known is fine
        """
        self.uses.pop(token, None)
        self._remove(_USE + token)

    def forget(self, place: Place) -> None:
        """Note that a volume is not attached any more.

        :param place: where
        """
        self.attached.pop(place.agent.host, None)
        self._remove(_AT + place.agent.host)

    def _remove(self, key):
        if key not in self._keys:
            return
        self._keys.remove(key)
        for gone in [key] if self._keys else [key, *MARK]:
            db.volume_admin_metadata_delete(_context(), self._volume_id,
                                            gone)


def load(volume_id: str) -> Records:
    """Read the records of a volume as they are now.

    :param volume_id: the volume
    :returns: its :class:`Records`, none for a volume that Cinder has not
    """
    try:
        metadata = db.volume_admin_metadata_get(_context(), volume_id)
    except exception.VolumeNotFound:
        metadata = {}
    return Records(volume_id, metadata)


def _context():
    return context.get_admin_context()


def _attached(address, port, host, since, service, run, doubt=0):
    return Attached(Place(operations.Endpoint(address, port), host),
                    float(since), Run(service, run), float(doubt))


def _own_use(token, address, port, host, service, run):
    return OwnUse(token, Place(operations.Endpoint(address, port), host),
                  Run(service, run))


def _written(record):
    agent, host = record.place.agent, record.place.host
    run = [record.run.service, record.run.key]
    if isinstance(record, Attached):
        doubt = [int(record.doubt)] if record.doubt else []
        return _AT + agent.host, json.dumps(
            [agent.port, host, int(record.since), *run, *doubt])
    return _USE + record.token, json.dumps([agent.host, agent.port, host,
                                            *run])
