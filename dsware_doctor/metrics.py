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

"""The numbers that a check tells to a monitoring system.

All are gauges, which have one form in OpenMetrics and in the older format
that the textfile collector of Prometheus' node_exporter reads.
"""

from collections.abc import Iterator

from dsware_doctor import report as reports
from os_brick_dsware import fsc_cli

_PREFIX = 'dsware_doctor_'
_LONGEST = 200
#: Each number, and what it says.
HELP = {
    'agent_up': 'Whether an agent answers.',
    'pool_capacity_bytes': 'Size of a pool.',
    'pool_free_bytes': 'Space of a pool that is not in use.',
    'pool_provisioned_bytes':
        'Sum of the sizes that the volumes of a pool may grow to.',
    'volumes': 'Volumes of a backend in Cinder.',
    'snapshots': 'Snapshots of a backend in Cinder.',
    'volumes_missing': 'Volumes that Cinder has and the cluster lacks.',
    'snapshots_missing': 'Snapshots that Cinder has and the cluster lacks.',
    'orphans': "Objects under Cinder's names that Cinder does not have.",
    'temporary_objects': 'Temporary snapshots that nobody needs any more.',
    'findings': 'Findings by severity.',
    'check_seconds': 'Seconds that the check took.',
    'check_timestamp_seconds': 'When the check ended.',
}


def openmetrics(report: reports.Report, now: float) -> str:
    """Write the numbers of a report.

    :param report: the report
    :param now: seconds since the epoch
    :returns: OpenMetrics text
    """
    samples = [*report.samples, *_of_report(report, now)]
    lines = []
    for name, text in HELP.items():
        found = [one for one in samples if one.name == name]
        if found:
            lines += [f'# HELP {_PREFIX}{name} {text}',
                      f'# TYPE {_PREFIX}{name} gauge']
            lines += [_line(one, report.check) for one in found]
    return '\n'.join([*lines, '# EOF', ''])


def _of_report(report, now) -> Iterator[reports.Sample]:
    backends = dict.fromkeys(backend for _code, backend in report.counts)
    for backend in backends:
        for severity, count in report.by_severity(backend).items():
            yield reports.Sample('findings', count, {
                'backend': backend, 'severity': severity})
    yield reports.Sample('check_seconds', round(report.seconds, 3), {})
    yield reports.Sample('check_timestamp_seconds', int(now), {})


def _line(sample, check):
    labels = {'check': check, **sample.labels}
    return '%s%s{%s} %s' % (_PREFIX, sample.name, ','.join(
        f'{key}="{_escaped(value)}"' for key, value in labels.items()
        if value), sample.value)


def _escaped(value):
    return fsc_cli.printable(value, _LONGEST).replace('\\', r'\\').replace(
        '"', r'\"')
