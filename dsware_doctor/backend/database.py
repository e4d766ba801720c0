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

"""What Cinder's database says, by plain queries that read.

Columns are read, page by page, and no objects of Cinder: these read a dozen
tables each time, and a hundred thousand of them would not fit.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import dataclasses
import datetime
import os

from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_utils import uuidutils
import sqlalchemy as sa
from sqlalchemy import engine as engines
from sqlalchemy import exc

import cinder.context
from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import naming
from cinder.volume import volume_utils

CONF = cfg.CONF

_PAGE = 1000
#: What the database may fail with.
ERRORS = (db_exception.DBError, exc.SQLAlchemyError,
          exception.CinderException, OSError)


@dataclasses.dataclass(slots=True)
class Volume:
    """A record of a volume; fields are named as Cinder's.

    :ivar changed: when the record was last changed
    """

    id: str
    name_id: str
    size: int
    host: str
    status: str
    migration_status: str
    attach_status: str
    provider_id: str
    launched_at: datetime.datetime | None
    cluster_name: str
    changed: datetime.datetime

    kind = 'volume'

    @property
    def name(self) -> str:
        """The name that Cinder derives for it."""
        return CONF.volume_name_template % self.name_id

    @property
    def on_cluster(self) -> str:
        """Its name on the cluster."""
        return naming.volume_name(self)

    @property
    def fingerprint(self) -> int:
        """A number that changes with the record."""
        return hash((self.migration_status, self.size, self.status, self.host,
                     self.on_cluster, self.changed))


@dataclasses.dataclass(slots=True)
class Snapshot:
    """A record of a snapshot; fields are named as Cinder's.

    :ivar host: the host of its volume
    :ivar changed: when the record was last changed
    """

    id: str
    volume_id: str
    size: int
    host: str
    status: str
    provider_id: str
    cluster_name: str
    changed: datetime.datetime

    kind = 'snapshot'

    @property
    def name(self) -> str:
        """The name that Cinder derives for it."""
        return CONF.snapshot_name_template % self.id

    @property
    def on_cluster(self) -> str:
        """Its name on the cluster."""
        return naming.snapshot_name(self)

    @property
    def fingerprint(self) -> int:
        """A number that changes with the record."""
        return hash((self.size, self.status, self.host, self.on_cluster,
                     self.changed))


@dataclasses.dataclass(frozen=True)
class Place:
    """Where Cinder says that the volumes of a backend are.

    :ivar host: HOST@BACKEND
    :ivar cluster: CLUSTER@BACKEND, empty when its service is in no cluster
    """

    host: str
    cluster: str

    def has(self, record: Volume | Snapshot) -> bool:
        """Tell whether a record is of this backend.

        :param record: the record
        """
        # Databases may ignore case.
        return (volume_utils.extract_host(record.host or '') == self.host
                or bool(self.cluster) and volume_utils.extract_host(
                    record.cluster_name or '') == self.cluster)


def _engine():
    # Cinder 2025.1 has it elsewhere.
    return getattr(db, 'get_engine', None) or db.IMPL.get_engine


def check() -> None:
    """See whether there is a database to read.

    :raises FileNotFoundError: there is none; to connect would make it
    :raises SQLAlchemyError: it does not answer, or has no tables of Cinder
    """
    objects.register_all()
    url = engines.make_url(CONF.database.connection or '')
    if (url.get_backend_name() == 'sqlite' and url.database
            and not os.path.exists(url.database)
            and url.database != ':memory:'):
        raise FileNotFoundError('there is no file %s' % url.database)
    volumes = _table(objects.Volume)
    _read(sa.select(volumes.c.id).limit(1))


def _table(kind):
    return kind.model.__table__


def _read(query) -> list:
    with contextlib.closing(_engine()().connect()) as connection:
        return connection.execute(query).fetchall()


def _pages(query, key) -> Iterator[list]:
    """Read a long answer, which may change meanwhile, in order of a key."""
    last = ''
    while True:
        page = _read(query.where(key > last).order_by(key).limit(_PAGE))
        if page:
            yield page
        if len(page) < _PAGE:
            return
        last = page[-1].id


def _here(table, place):
    conditions = []
    for column, value in ((table.c.host, place.host),
                          (table.c.cluster_name, place.cluster)):
        if value:
            conditions += [column == value, column.startswith(
                value + '#', autoescape=True)]
    return sa.or_(*conditions)


# Volumes and snapshots ------------------------------------------------------

def _volumes():
    c = _table(objects.Volume).c
    return sa.select(
        c.id, c._name_id, c.size, c.host, c.status, c.migration_status,
        c.attach_status, c.provider_id, c.launched_at, c.cluster_name,
        sa.func.coalesce(c.updated_at, c.created_at)).where(
            c.deleted == sa.false())


def _snapshots():
    c, volumes = _table(objects.Snapshot).c, _table(objects.Volume).c
    return sa.select(
        c.id, c.volume_id, c.volume_size, volumes.host, c.status,
        c.provider_id, volumes.cluster_name,
        sa.func.coalesce(c.updated_at, c.created_at)).where(
            c.deleted == sa.false(), c.volume_id == volumes.id)


def _volume(row):
    return Volume(row[0], row[1] or row[0], *row[2:])


def _snapshot(row):
    return Snapshot(*row)


_KINDS = {'volume': (lambda: objects.Volume, _volumes, _volume),
          'snapshot': (lambda: objects.Snapshot, _snapshots, _snapshot)}


def records(kind: str, place: Place) -> Iterator[Volume | Snapshot]:
    """Read the volumes or snapshots of a backend, in pages.

    :param kind: volume or snapshot
    :param place: where they are
    """
    model, query, make = _KINDS[kind]
    wanted = query().where(_here(_table(objects.Volume), place))
    for page in _pages(wanted, _table(model()).c.id):
        yield from filter(place.has, map(make, page))


def again(kind: str, ids: list[str]) -> Iterator[Volume | Snapshot]:
    """Read some volumes or snapshots, as they are now.

    :param kind: volume or snapshot
    :param ids: their ids; those that are gone are left out
    """
    model, query, make = _KINDS[kind]
    for part in _parts(ids):
        yield from map(make, _read(
            query().where(_table(model()).c.id.in_(part))))


def _parts(things):
    for start in range(0, len(things), _PAGE):
        yield things[start:start + _PAGE]


# Owners of names ------------------------------------------------------------

def id_in(kind: str, name: str) -> str:
    """Read the id in a name of the form that Cinder gives.

    :param kind: volume or snapshot
    :param name: the name
    :returns: the id, empty when the name is not of that form
    """
    template = CONF[kind + '_name_template']
    before, _id, after = template.partition('%s')
    found = name[len(before):len(name) - len(after)]
    # No other form of it, which uuidutils would take, too.
    return found if (uuidutils.is_uuid_like(found) and len(found) == 36
                     and name == template % found) else ''


def owned(kind: str, names: Iterable[str]) -> set[str]:
    """Find which names are those of volumes or snapshots, of any host.

    :param kind: volume or snapshot
    :param names: names of objects on the cluster
    :returns: those that are
    """
    model, query, make = _KINDS[kind]
    table = _table(model())
    names = set(names)
    found = {one.on_cluster for page in _pages(
        query().where(table.c.provider_id.like('%@%')), table.c.id)
        for one in map(make, page)}
    ids = list(filter(None, (id_in(kind, name) for name in names)))
    keys = [table.c.id, *([table.c._name_id] if kind == 'volume' else [])]
    for part in _parts(ids):
        for key in keys:
            found.update(make(row).on_cluster for row in _read(
                query().where(key.in_(part))))
    return names & found


def forgotten(kind: str, ids: list[str]
              ) -> dict[str, datetime.datetime | None]:
    """Find when Cinder forgot volumes or snapshots that it had.

    :param kind: volume or snapshot
    :param ids: their ids
    :returns: times by id, without those that the database does not know
    """
    table = _table(_KINDS[kind][0]())
    return {row[0]: row[1] for part in _parts(ids) for row in _read(
        sa.select(table.c.id, table.c.deleted_at).where(
            table.c.id.in_(part), table.c.deleted == sa.true()))}


# Who works on them ----------------------------------------------------------

def services(binary: str) -> list:
    """Read all services of a program.

    :param binary: the program
    """
    return list(objects.ServiceList.get_all(
        cinder.context.get_admin_context(), {'binary': binary}))


def workers() -> dict[tuple[str, str, str], int]:
    """Tell which services have noted that they work on a record.

    Cinder has that noted of what is creating, downloading, or a volume that
    is deleting only.

    :returns: ids of services by kind, id and status of the record
    """
    rows = db.worker_get_all(cinder.context.get_admin_context())
    return {(row.resource_type.lower(), row.resource_id, row.status):
            row.service_id for row in rows}


def backup_host(volume_id: str) -> str:
    """Tell which host backs a volume up, or restores it.

    :param volume_id: the volume
    :returns: the host, empty when there is no such backup
    """
    c = _table(objects.Backup).c
    rows = _read(sa.select(c.host).where(
        c.deleted == sa.false(), sa.or_(
            sa.and_(c.volume_id == volume_id, c.status == 'creating'),
            sa.and_(c.restore_volume_id == volume_id,
                    c.status == 'restoring'))))
    return next((row[0] or '' for row in rows), '')
