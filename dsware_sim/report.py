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
"""A readable status."""

_STATES = {0: 'ready', 5: 'creating', 6: 'copying', 7: 'creating',
           9: 'failed'}


def _table(title, heads, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    if not rows:
        return '%s: none' % title
    widths = [max(len(row[column]) for row in [heads, *rows])
              for column in range(len(heads))]
    lines = ['  ' + '  '.join(cell.ljust(width)
                              for cell, width in zip(row, widths)).rstrip()
             for row in [heads, *rows]]
    return '\n'.join(['%s: %d' % (title, len(rows)), *lines])


def _gib(mib):
    return '%.2f' % (mib / 1024)


def _state(number):
    return '%d %s' % (number, _STATES.get(number, 'unknown'))


def _agents(status):
    return _table('Agents', ('ADDRESS', 'PORT', 'STATE', 'CONNECTIONS'), [
        (agent['address'], agent['port'], 'up' if agent['up'] else 'down',
         agent['connections']) for agent in status['agents']])


def _rest(status):
    rest = status['rest']
    return _table(
        'REST', ('ADDRESS', 'PORT', 'STATE', 'CONNECTIONS', 'SESSIONS',
                 'RELEASE'),
        [(rest['address'], rest['port'], 'up' if rest['up'] else 'down',
          rest['connections'], rest['sessions'],
          rest['behaviour']['release'])] if rest else [])


def _pools(status):
    return _table(
        'Pools', ('ID', 'TOTAL GiB', 'USED GiB', 'PROVISIONED GiB',
                  'VOLUMES', 'SNAPSHOTS'),
        [(pool['pool_id'], _gib(pool['total']), _gib(pool['used']),
          _gib(pool['alloc']), pool['volumes'], pool['snapshots'])
         for pool in status['pools']])


def _volumes(status):
    attached = {}
    for one in status['attachments']:
        attached.setdefault(one['name'], []).append(one['agent'])
    return _table(
        'Volumes', ('NAME', 'POOL', 'SIZE GiB', 'REAL MiB', 'KIND', 'STATE',
                    'FATHER', 'QOS', 'ATTACHED TO'),
        [(volume['name'], volume['pool_id'], _gib(volume['size']),
          volume['real_size'], 'thin' if volume['thin'] else 'thick',
          _state(volume['status']), volume['father'] or '-',
          volume['qos'] or '-',
          ','.join(attached.get(volume['name'], ())) or '-')
         for volume in status['volumes']])


def _snapshots(status):
    return _table(
        'Snapshots', ('NAME', 'POOL', 'SIZE GiB', 'REAL MiB', 'STATE',
                      'FATHER'),
        [(snapshot['name'], snapshot['pool_id'], _gib(snapshot['size']),
          snapshot['real_size'], _state(snapshot['status']),
          snapshot['father'] or '-') for snapshot in status['snapshots']])


def _attachments(status):
    return _table('Attachments', ('AGENT', 'OBJECT', 'DEVICE'), [
        (one['agent'], one['name'], one['device'] or '-')
        for one in status['attachments']])


def _copies(status):
    title = 'Copies under way'
    if status['copies_paused']:
        title += ' (paused)'
    return _table(title, ('KIND', 'FROM', 'TO', 'DONE'), [
        (job['kind'], job['source'] or '-', job['target']
         if job['pool_id'] is None
         else '%s, pool %d' % (job['target'], job['pool_id']),
         '%d %%' % job['progress']) for job in status['copies']])


def faults(descriptions):
    """Show faults.

    :param descriptions: list of dicts, as the control socket has them
    :returns: a table, as text
    """
    return _table(
        'Faults', ('ID', 'KIND', 'OPERATION', 'AGENT', 'LEFT', 'MORE'),
        [(fault['id'], fault['kind'], fault['op'], fault['agent'] or 'all',
          fault['count'] or 'until cleared',
          ' '.join('%s=%s' % (key, fault[key])
                   for key in ('seconds', 'code', 'pool', 'skip')
                   if fault[key] is not None
                   and (fault[key] or key != 'skip')) or '-')
         for fault in descriptions])


def text(status):
    """Show a whole status.

    :param status: what the control socket says
    :returns: tables, as text
    """
    return '\n\n'.join((
        _agents(status), _rest(status), _pools(status), _volumes(status),
        _snapshots(status), _attachments(status), _copies(status),
        faults(status['faults'])))
