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

"""The report of a run: a table, and a picture."""

import collections

# Those of the colours that are told apart by everybody.
_DRIVER, _CLUSTER, _TROUBLE, _OTHER = ('#0072b2', '#d55e00', '#999999',
                                       '#009e73')
_POINTS = 600
_COLUMNS = '{:<18} {:>9} {:>9} {:>9}'


def table(seen, findings):
    """Tell what a run has shown.

    :param seen: what :meth:`functional.load.run.Load.run` returned
    :param findings: what :func:`functional.load.judge.judge` returned
    :returns: lines of text
    """
    options = seen['options']
    yield ('%(minutes)g minutes, %(workers)d workers, %(volumes)d volumes, '
           '%(connections)d connections to an agent, %(threads)s threads'
           % options)
    yield ''
    for one in findings:
        yield '%-6s %s: %s' % ('ok' if one.passed else 'FAILED', one.name,
                               one.text)
    yield ''
    yield from _operations(seen['rounds'])


def _operations(rounds):
    counts, seconds = collections.Counter(), collections.Counter()
    longest = collections.defaultdict(float)
    for one in rounds:
        counts.update(one['operations'])
        seconds.update(one['seconds'])
        for name, value in one['longest'].items():
            longest[name] = max(longest[name], value)
    yield _COLUMNS.format('operation', 'times', 'mean s', 'longest s')
    for name in sorted(counts):
        yield _COLUMNS.format(name, counts[name],
                              '%.2f' % (seconds[name] / counts[name]),
                              '%.1f' % longest[name])


def draw(seen, path):
    """Draw the curves of a run.

    :param seen: what :meth:`functional.load.run.Load.run` returned
    :param path: of the SVG file
    """
    # Only this environment has it.
    import matplotlib
    matplotlib.use('svg')
    # The same numbers give the same file.
    matplotlib.rcParams['svg.hashsalt'] = 'dsware'
    matplotlib.rcParams['svg.fonttype'] = 'none'
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(6, 1, sharex=True, figsize=(9, 13),
                                   layout='constrained')
    for axis, what, key, title in zip(
            axes, ('memory', 'sockets', 'descriptors', 'threads'),
            ('memory', 'sockets', 'descriptors', 'threads'),
            ('Memory (MiB)', 'Sockets', 'Descriptors', 'Threads')):
        _used(axis, seen, what, key, title)
    _blocks(axes[4], seen['rounds'])
    _statistics(axes[5], seen)
    for axis in axes:
        _trouble(axis, seen['events'])
        axis.grid(alpha=0.3)
    axes[0].legend(loc='center', ncols=4, fontsize='small')
    axes[-1].set_xlabel('Seconds')
    figure.savefig(path, metadata={'Date': None})
    pyplot.close(figure)


def _used(axis, seen, what, key, title):
    """A line while it works, and marks when all was removed and closed."""
    for process, rounds_key, colour in (('driver', 'resources', _DRIVER),
                                        ('cluster', 'cluster', _CLUSTER)):
        samples = _thinned([one for one in seen['samples']
                            if one['process'] == process])
        axis.plot([one['at'] for one in samples],
                  [one[what] for one in samples], color=colour,
                  linewidth=0.6, alpha=0.6, label=process + ' at work')
        axis.plot([one['ended'] for one in seen['rounds']],
                  [one[rounds_key][key] for one in seen['rounds']],
                  color=colour, marker='o', markersize=3, linewidth=0,
                  label=process + ' at rest')
    axis.set_ylabel(title)
    axis.set_ylim(bottom=0)


def _thinned(samples):
    """No more samples than can be told apart."""
    return samples[::max(1, len(samples) // _POINTS)]


def _blocks(axis, rounds):
    """How the number of blocks differs from that after the first round."""
    for key, colour in (('resources', _DRIVER), ('cluster', _CLUSTER)):
        axis.plot([one['ended'] for one in rounds],
                  [one[key]['blocks'] - rounds[0][key]['blocks']
                   for one in rounds], color=colour, marker='o',
                  markersize=3, linewidth=0)
    axis.set_ylabel('Blocks at rest,\nmore than at first')


def _statistics(axis, seen):
    calls = [call for one in seen['rounds'] for call in one['statistics']]
    axis.plot([call[0] for call in calls], [call[1] for call in calls],
              color=_OTHER, marker='.', markersize=3, linewidth=0)
    axis.set_ylabel('Statistics (s)')
    axis.set_ylim(bottom=0)


def _trouble(axis, events):
    for event in events:
        axis.axvspan(event['started'], event['ended'], color=_TROUBLE,
                     alpha=0.6 if event['kind'] == 'cluster' else 0.15,
                     linewidth=0)
