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

"""Judges by counts what a run has shown; never by speed.

What is used is compared when all workers have ended, what they made is gone
and idle connections are closed, so that equal amounts of work leave equal
traces. Threads, descriptors and sockets must not become more once a process
has warmed up. Memory is the number of blocks that Python's allocator has
given out: the slope of that over the operations, as the median of the slopes
between all pairs of rounds, so that single rounds do not decide. The memory
that the kernel counts is judged coarsely, since allocators keep some of it.
"""

import collections
import itertools
import statistics

from functional.load import mix

# The part of the rounds in which a process warms up, and how many at least.
_WARM_UP = 0.25
_WARM_ROUNDS = 1
# Fewer rounds than these tell nothing.
_LEAST_ROUNDS = 4
# So many more may be open or run late, when something is used at last.
_LATE = 2
# The simulator starts its six working threads when it first needs them, which
# may be late in one of its lives.
_LATE_THREADS = 6
# Blocks that an operation may leave, and that a whole run may: what caches
# keep. An object takes one block at least, and what leaks is one or more for
# each operation of its kind.
_BLOCKS_EACH = 0.05
_BLOCKS = 3000
# MiB, and part of what there was, that the kernel's count may grow by.
_MEMORY = 8
_MEMORY_PART = 0.1
# Part of its equal share of the requests that an agent has to get.
_FAIR = 0.5
# What the cluster could not be reached for is told by these.
_UNREACHABLE = ('EndpointUnavailable', 'OutcomeUnknown', 'TryAgain')

Finding = collections.namedtuple('Finding', 'name passed text')
Finding.__doc__ = """One thing that was judged.

:param name: what
:param passed: whether it is as it should be
:param text: the numbers
"""


def slope(points):
    """Tell how fast something grows, whatever single points say.

    :param points: pairs of x and y
    :returns: the median of the slopes between all pairs of points
    """
    found = [(y2 - y1) / (x2 - x1)
             for (x1, y1), (x2, y2) in itertools.combinations(points, 2)
             if x1 != x2]
    return statistics.median(found) if found else 0.0


def judge(seen):
    """Judge a run.

    :param seen: what :meth:`functional.load.run.Load.run` returned
    :returns: a list of :class:`Finding`
    """
    findings = [_errors(seen), _left(seen), _operations(seen),
                _workers(seen), _trouble(seen), _statistics(seen),
                _agents(seen), _connections(seen)]
    findings += _process('driver', _points(seen['rounds'], 'resources'),
                         seen['rounds'])
    for number, rounds in enumerate(_lives(seen['rounds']), 1):
        findings += _process('cluster, start %d' % number,
                             _points(rounds, 'cluster'), rounds)
    if not any(one.name.startswith('cluster') for one in findings):
        findings.append(Finding('cluster', False, (
            'it never ran for %d rounds' % _LEAST_ROUNDS)))
    return findings


def _errors(seen):
    errors = [error for one in seen['rounds'] for error in one['errors']]
    real = [error for error in errors if not _excused(error, seen)]
    text = '%d, and %d during an outage of half the time-out or more' % (
        len(real), len(errors) - len(real))
    if real:
        text += '; the first: %(operation)s, %(class)s at %(where)s: ' \
            '%(text)s' % real[0]
    return Finding('operations that failed', not real, text)


def _excused(error, seen):
    """Whether an outage was so long that giving up was right."""
    return error['class'] in _UNREACHABLE and any(
        event['ended'] - event['started'] >= seen['options']['timeout'] / 2
        and event['started'] <= error['ended']
        and event['ended'] >= error['started']
        for event in seen['events'] if event['kind'] == 'cluster')


def _left(seen):
    left = collections.Counter()
    for one in seen['rounds']:
        left.update(one['left'])
    found = {what: number for what, number in left.items() if number}
    return Finding('left on the cluster', not found, str(found or 'nothing'))


def _operations(seen):
    total = collections.Counter()
    for one in seen['rounds']:
        total.update(one['operations'])
    missing = set(mix.WEIGHTS) - set(total)
    return Finding('operations', not missing, '%d%s' % (
        sum(total.values()),
        ', none of ' + ', '.join(sorted(missing)) if missing else ''))


def _workers(seen):
    each = [sum(counts) for counts in zip(*(
        one['by_worker'] for one in seen['rounds']))]
    return Finding('operations of each worker', min(each) > 0,
                   '%d to %d' % (min(each), max(each)))


def _trouble(seen):
    kinds = collections.Counter(event['kind'] for event in seen['events'])
    return Finding(
        'trouble', kinds['agent'] > 0 and kinds['cluster'] > 0,
        'an agent was down %(agent)d times, the cluster was killed '
        '%(cluster)d times' % kinds)


def _statistics(seen):
    calls = [call for one in seen['rounds'] for call in one['statistics']]
    worst = max((call[1] for call in calls), default=0)
    return Finding(
        'statistics', bool(calls) and worst <= seen['options']['timeout'],
        '%d times, the longest took %.1f of %d s; %d times down' % (
            len(calls), worst, seen['options']['timeout'],
            sum(1 for call in calls if call[2] != 'up')))


def _agents(seen):
    requests = seen['rounds'][-1]['requests']
    share = sum(requests.values()) / len(requests)
    return Finding('requests of each agent',
                   min(requests.values()) >= _FAIR * share,
                   ', '.join(str(number) for number in requests.values()))


def _connections(seen):
    most = max((sample['sockets'] for sample in seen['samples']
                if sample['process'] == 'driver'), default=0)
    bound = (len(seen['rounds'][-1]['requests'])
             * seen['options']['connections'])
    return Finding('sockets of the driver at work', 0 < most <= bound,
                   'at most %d of %d' % (most, bound))


def _lives(rounds):
    """The rounds of each process of the cluster."""
    for _pid, group in itertools.groupby(rounds, lambda one: one['pid']):
        yield list(group)


def _points(rounds, key):
    """What a process used after each round, by operations till then."""
    done = 0
    points = []
    for one in rounds:
        done += sum(one['operations'].values())
        points.append((done, one[key]))
    return points


def _process(name, points, rounds):
    warm = max(_WARM_ROUNDS, int(len(points) * _WARM_UP))
    points = points[warm:]
    if len(points) < _LEAST_ROUNDS:
        if name == 'driver':
            yield Finding(name, False, '%d rounds are too few' % len(rounds))
        return
    for what in ('threads', 'descriptors', 'sockets'):
        late = (_LATE_THREADS if what == 'threads' and name != 'driver'
                else _LATE)
        yield _plateau('%s: %s' % (name, what),
                       [used[what] for _done, used in points], late)
    yield _growth('%s: blocks of memory' % name,
                  [(done, used['blocks']) for done, used in points],
                  lambda first, done: _BLOCKS + _BLOCKS_EACH * done)
    yield _growth('%s: MiB of memory' % name,
                  [(done, used['memory']) for done, used in points],
                  lambda first, done: max(_MEMORY, _MEMORY_PART * first))


def _plateau(name, values, late):
    """The second half must not need many more than the first one did."""
    middle = len(values) // 2
    before, after = max(values[:middle]), max(values[middle:])
    return Finding(name, after <= before + late,
                   'at most %d, then %d' % (before, after))


def _growth(name, points, allowed):
    done = points[-1][0] - points[0][0]
    grown = slope(points) * done
    limit = allowed(points[0][1], done)
    return Finding(name, grown <= limit, (
        '%+.0f on %.0f in %d operations; %+.0f would be too many'
        % (grown, points[0][1], done, limit)))
