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

"""Whether the coordination backend is one that the services can use.

It is not joined: that would leave traces in it, with the owner of whoever
runs the check.
"""

import importlib.metadata
import os
import shlex
import socket
from urllib import parse

from oslo_config import cfg

from dsware_doctor import findings

CONF = cfg.CONF

_SECONDS = 5
_GROUP = 'tooz.backends'
# Those that locks of other hosts cannot be seen in.
_THIS_HOST = ('file', 'ipc', 'zake')
_PORTS = {'etcd3+http': 2379, 'etcd3+https': 2379, 'etcd3': 2379,
          'redis': 6379, 'rediss': 6379, 'memcached': 11211,
          'zookeeper': 2181, 'kazoo': 2181, 'consul': 8500,
          'mysql': 3306, 'postgresql': 5432, 'etcd': 2379}


def check(cluster: str) -> list[findings.Finding]:
    """Look at the coordination backend.

    :param cluster: the Cinder cluster of this host's services, or ''
    :returns: what was found; passwords in the URL are not shown
    """
    url = parse.urlsplit(CONF.coordination.backend_url or '')
    known = {point.name for point in
             importlib.metadata.entry_points(group=_GROUP)}
    if url.scheme not in known:
        return [findings.problem(
            'coordination-unusable',
            'tooz knows no coordination backend %r' % url.scheme,
            'correct backend_url in group coordination; it begins with one '
            'of: %s' % ', '.join(sorted(known)))]
    if url.scheme == 'file':
        return [_directory(url.path, cluster)]
    if url.scheme in _THIS_HOST:
        return [_local(url.scheme, cluster)]
    return [_reach(url)]


def _local(scheme, cluster):
    text = 'the coordination backend %s is one of this host alone' % scheme
    if cluster:
        return findings.problem(
            'coordination-unusable',
            '%s, but the services of this host are in cluster %s' % (
                text, cluster),
            'set backend_url in group coordination to one that all services '
            'of the cluster reach, for example, with the address of your '
            'etcd, `backend_url = etcd3+http://192.0.2.10:2379`')
    return findings.ok(text)


def _directory(path, cluster):
    there = path
    while not os.path.isdir(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK | os.X_OK):
        return findings.problem(
            'coordination-unusable',
            'the directory of the coordination backend, %s, cannot be '
            'written to by this user' % path,
            'let it belong to the user of cinder-volume (`ls -ld %s`), or run '
            'this check as that user' % shlex.quote(there))
    if cluster:
        return findings.note(
            'coordination backend in %s; the services of cluster %s have to '
            'share it, which a file system of this host alone does not do'
            % (path, cluster))
    return findings.ok('coordination backend in %s' % path)


def _reach(url):
    place = url.netloc.rpartition('@')[2] or 'localhost'
    # Several hosts are separated by commas; one is enough.
    host, port = _first(place, _PORTS.get(url.scheme, 0))
    if not port:
        return findings.note('coordination backend %s at %s, not looked at'
                             % (url.scheme, place))
    try:
        with socket.create_connection((host, port), timeout=_SECONDS):
            return findings.ok('coordination backend %s at %s:%d accepts '
                               'connections' % (url.scheme, host, port))
    except OSError as error:
        return findings.problem(
            'coordination-unusable',
            'the coordination backend %s at %s:%d cannot be reached: %s' % (
                url.scheme, host, port, error),
            'start it, see whether it can be reached (`nc -vz %s %d`), or '
            'correct backend_url in group coordination' % (
                shlex.quote(host), port))


def _first(place, port):
    try:
        found = parse.urlsplit('//' + place.split(',')[0])
        return found.hostname or 'localhost', found.port or port
    except ValueError:
        return place, 0
