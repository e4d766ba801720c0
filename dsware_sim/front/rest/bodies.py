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
"""The JSON of the REST interface: records, refusals, pages.

This is the simulator's own: the driver reads answers with code of its own.
"""

import itertools
import time

from dsware_sim.cluster import model
from dsware_sim import codes

# States of the records of /api/v2.
_HEALTHY, _FAULTY = 1, 2
_READY, _OFFLINE, _ROLLING_BACK = 27, 28, 44
# States of records of calls with a version.
_COPY_SOURCE, _COPY_TARGET, _SNAPSHOT_ROLLING_BACK = 4, 5, 16
_MIGRATION = {'running': 27, 'done': 76, 'failed': 74}
# Volumes that are attached are SCSI ones; others have no protocol.
_SCSI, _NOT_ATTACHED = 0, 2


def old_code(code, query):
    """Tell what release 6.3 answers.

    :param code: the code of later releases
    :param query: whether it is the answer of a query
    :returns: the code
    """
    if query and code == codes.VOLUME_NOT_EXIST:
        return 31000000
    return code - 18000000 if 50000000 <= code < 51000000 else code


def pool(record, cluster):
    """Tell about a pool.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :returns: dict
    """
    number = int(record['pool_id'])
    total, used = int(record['total_capacity']), int(record['used_capacity'])
    return {'poolId': number, 'poolName': pool_name(number),
            'totalCapacity': total, 'usedCapacity': used,
            'allocatedCapacity': int(record['alloc_capacity']),
            'usedCapacityRate': 100 * used // total if total else 0,
            'volumeNum': len(cluster.pools[number].volumes),
            'poolServerType': 0}


def pool_name(number):
    """Tell the name of a pool; agents know none.

    :param number: its number
    :returns: its name
    """
    return 'pool%d' % number


def volume(record, cluster):
    """Tell about a volume, as calls with a version do.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :returns: dict
    """
    item = cluster.volumes[record['vol_name']]
    return {'volName': record['vol_name'], 'volId': int(record['lun_id']),
            'volSize': int(record['vol_size']),
            'poolId': int(record['pool_id']), 'wwn': record['wwn'],
            'status': _volume_status(item),
            'volType': _SCSI if item.attachments else _NOT_ATTACHED,
            'createTime': int(record['create_time'])}


def _volume_status(item):
    """Tell a volume's state; what is published has more than agents tell."""
    if item.job is None:
        return item.status
    if item.job.kind == model.FULL_COPY:
        return _COPY_TARGET
    if item.job.kind == model.EXCHANGE:
        # The one that moves can be used, so that only a query for the
        # migration shows that it is not done.
        return (_COPY_SOURCE if item.job.target is item else _COPY_TARGET)
    return item.status


def listed_volume(record, cluster):
    """Tell about a volume in a list.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :returns: dict
    """
    # Both forms of the time are published: whoever reads it copes with both.
    return {**volume(record, cluster),
            'createTime': _time(record['create_time'])}


def api_volume(record, cluster):
    """Tell about a volume, as /api/v2 does.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :returns: dict
    """
    item = cluster.volumes[record['vol_name']]
    return {'id': int(record['lun_id']), 'name': record['vol_name'],
            'capacity': int(record['vol_size']),
            'used_capacity': int(record['real_size']),
            'pool_id': int(record['pool_id']), 'wwn': '0x' + record['wwn'],
            'status': _volume_status(item),
            'protocol': _SCSI if item.attachments else _NOT_ATTACHED,
            'health_status': _health(item),
            'running_status': _OFFLINE if item.status else _READY,
            'is_clone': bool(record['father_name']), 'encrypted': False,
            'sub_lun_type': 0}


def _health(item):
    return _FAULTY if item.status == model.FAILED else _HEALTHY


def _rollback(snapshot):
    """Find the rollback to a snapshot that is under way."""
    job = snapshot.father.job if snapshot.father else None
    return job if job is not None and job.source is snapshot else None


def snapshot(record, cluster):
    """Tell about a snapshot, as calls with a version do.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :returns: dict
    """
    item = cluster.snapshots[record['snap_name']]
    status = _SNAPSHOT_ROLLING_BACK if _rollback(item) else item.status
    return {'snapshotName': record['snap_name'], 'snapshotId': item.id,
            'fatherName': record['father_name'],
            'snapshotSize': int(record['snap_size']),
            'createTime': _time(record['create_time']), 'status': status,
            'poolId': int(record['pool_id']), 'wwn': record['wwn']}


def listed_snapshot(record, cluster):
    """Tell about a snapshot in the list of a pool, which names no father.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :returns: dict
    """
    found = snapshot(record, cluster)
    return {'snapName': found['snapshotName'],
            'snapSize': found['snapshotSize'], 'poolId': found['poolId'],
            'createTime': found['createTime'], 'status': found['status']}


def api_snapshot(record, cluster, progress):
    """Tell about a snapshot, as /api/v2 does.

    While a rollback is under way the end of the one before is still told.

    :param record: dict, as agents tell it
    :param cluster: the :class:`dsware_sim.cluster.state.State`
    :param progress: function of a job that returns 0 to 100
    :returns: dict
    """
    item = cluster.snapshots[record['snap_name']]
    job = _rollback(item)
    running = _OFFLINE if item.status else _READY
    done = 100 if item.rolled_back else 0
    return {'id': item.id, 'name': record['snap_name'],
            'volume_name': record['father_name'],
            'capacity': int(record['snap_size']),
            'running_status': _ROLLING_BACK if job else running,
            'health_status': _health(item),
            'rollback_progress': progress(job) if job else done,
            'rollback_endtime': item.rolled_back}


def migration(record):
    """Tell about two volumes that exchange their places.

    :param record: dict, as the manager's operation tells it
    :returns: dict
    """
    return {'parent_id': int(record['parent_id']),
            'target_lun_id': record['target_lun_id'],
            'running_status': _MIGRATION[record['state']]}


def _time(seconds):
    return time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(int(seconds)))


def first_value(line):
    """Tell the first value of a record line, which is its object's name.

    :param line: bytes
    :returns: text
    """
    return line.partition(b',')[0].partition(b'=')[2].decode()


def page(records, number, size):
    """Cut a page out of a list.

    :param records: iterable
    :param number: the page's number, from 1
    :param size: how many a page has
    :returns: list
    """
    return list(itertools.islice(records, (number - 1) * size, number * size))
