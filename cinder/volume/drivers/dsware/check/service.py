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

"""What the running cinder-volume tells of itself."""

import shlex
import time

from cinder.volume.drivers.dsware.check import settings
from cinder.volume.drivers.dsware import state_file
from os_brick_dsware.hostcheck import findings

# Reports of statistics that may be missing before it looks dead.
_MISSED = 3
_LEAST = 60
_TITLES = (
    ('calls', 'calls'), ('failed_calls', 'calls that failed'),
    ('attempts', 'attempts after a failed one'),
    ('settled', 'requests in doubt'), ('waits', 'waits'))


def check(host: str) -> tuple[list[findings.Finding], dict | None]:
    """Read the file of a volume service.

    :param host: its host, ``HOST@BACKEND``
    :returns: what was found; what the service tells, None if nothing
    """
    path = state_file.path(host)
    try:
        state = state_file.read(host)
    except (OSError, ValueError) as error:
        return [findings.problem(
            '%s cannot be read: %s' % (path, error),
            'run this check as the user of cinder-volume, or as root: `%s`'
            % settings.again())], None
    if state is None:
        return [findings.note(
            'there is no %s: cinder-volume does not serve this backend '
            'here, has not reported yet, or has another state_path'
            % path)], None
    try:
        return [_age(state, path), *_health(state), *_counters(state)], {
            **state, 'age': round(state_file.age(state), 1),
            'stale': _is_stale(state)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return [findings.problem(
            '%s cannot be understood: %r' % (path, error),
            'wait for the next report of statistics; see whether '
            'cinder-volume has the same version of the driver')], None


def _is_stale(state):
    return state_file.age(state) > max(
        _MISSED * float(state['interval']), _LEAST)


def _age(state, path):
    text = ('process %d of version %s, started %s: the backend was %s %d '
            'seconds ago' % (
                state['pid'], state['version'], _moment(state['started']),
                'up' if state['up'] else 'down', state_file.age(state)))
    if _is_stale(state):
        return findings.problem(
            'STALE: ' + text, 'see whether cinder-volume runs (`ps -fp %d`) '
            'and reports its statistics. If another host serves the backend '
            'now, remove the file: `rm %s`' % (
                state['pid'], shlex.quote(path)))
    if not state['up']:
        return findings.problem(text, 'see the log of cinder-volume')
    return findings.ok(text)


def _moment(seconds):
    return time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(seconds))


def _health(state):
    away = '%s is left alone by it after %d failures, for another %.0f s'
    return [findings.note(away % (agent, health['failures'],
                                  health['asked_again_in']))
            for agent, health in state['health'].items()
            if health['failures']]


def _counters(state):
    counters = state['counters']
    found = [findings.ok('%s: %s' % (title, _list(counters[group])))
             for group, title in _TITLES if counters[group]]
    for agent, groups in {**counters['agents'],
                          'all agents': counters['all_agents']}.items():
        found.append(findings.ok('%s: %s' % (agent, _agent(groups))))
    return found


def _agent(groups):
    connections = groups['connections']
    parts = ['%d requests' % sum(groups['requests'].values())]
    if groups['failures']:
        parts.append('failures: ' + _list(groups['failures']))
    opened = connections.get('opened', 0)
    parts.append(
        'connections: %d opened, %d open, %d in use, %d waits for one' % (
            opened, opened - connections.get('closed', 0),
            connections.get('in_use', 0), connections.get('pool_waits', 0)))
    if 'sign_ins' in connections:
        parts.append('sign-ins: %d, %d of them refused' % (
            connections['sign_ins'], connections.get('sign_ins_refused', 0)))
    return '; '.join(parts)


def _list(counts):
    return ', '.join('%s %d' % (key.replace('_', ' '), number)
                     for key, number in counts.items())
