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

"""Shows what a check found, to people and to machines."""

import dataclasses
import datetime
import json
import re
import textwrap
import time

from dsware_doctor import findings
from dsware_doctor import metrics
from dsware_doctor import report as reports
from os_brick_dsware import fsc_cli

#: The shape of what as_json() writes; it changes with each field that goes or
#: gets another meaning.
JSON_FORMAT = 2

_WIDTH = 79
# Longer than any text that is found, unless somebody sends a lot of it.
_LONGEST = 2000
# Of a kind of finding so many are shown of each backend.
_FEW = 5
_ROW = '%-8s  %-23s  %s'
# What text of others is broken to begins with more than what is told of it.
_INDENT = ' '
_BROKEN = '   '
# A command with its arguments.
_COMMAND = re.compile('`[^`]*`')


def shown(text: str, longest: int = _LONGEST) -> str:
    """Make text of whatever origin fit for a terminal.

    :param text: the text
    :param longest: characters to keep
    :returns: it, on one line, with all that is not printable escaped
    """
    return fsc_cli.printable(text, longest)


def wrapped(first: str, text: str, longest: int = _LONGEST,
            indent: str = _BROKEN) -> list[str]:
    """Write a text that may take several lines.

    :param first: what the first line begins with
    :param text: the text
    :param longest: characters to keep
    :param indent: what the other lines begin with
    :returns: the lines
    """
    # Paths and commands stay whole, so that they can be copied.
    whole = _COMMAND.sub(lambda found: found[0].replace(' ', '\0'),
                         shown(text, longest))
    return [line.replace('\0', ' ') for line in textwrap.wrap(
        whole, _WIDTH, initial_indent=first, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False)]


# For people -----------------------------------------------------------------

def as_table(report: reports.Report, verbose: bool = False) -> str:
    """Write a report for people, worst first.

    :param report: the report
    :param verbose: whether to show what is as it should be, too
    :returns: lines of text
    """
    lines = [_summary(report)]
    found = report.found()
    if found:
        lines += ['', _ROW % ('SEVERITY', 'FINDING',
                              'BACKEND' if report.check == 'backend' else '')]
        lines += _rows(report, found, None if verbose else _FEW)
    if verbose:
        lines += _facts(report)
        for title, entries in report.details.items():
            lines += ['', title, *entries] if entries else []
    return '\n'.join(line.rstrip() for line in lines) + '\n'


def _summary(report):
    counts = ', '.join(
        '%d %s' % (count, severity if severity == findings.CRITICAL
                   or count == 1 else severity + 's')
        for severity, count in report.by_severity().items() if count)
    return 'dsware-doctor %s on %s: %s (%.1f s)' % (
        report.check, shown(report.host), counts or 'all is well',
        report.seconds)


def _rows(report, found, most):
    kinds = {}
    for entry in found:
        kinds.setdefault((entry.finding.code, entry.backend), []).append(
            entry.finding)
    for (code, backend), same in kinds.items():
        yield _ROW % (same[0].severity.upper(), code, shown(backend))
        told = set()
        for one in same[:most]:
            # What has the same cause has the same cure, with another id.
            yield from _finding(one, most is None or one.cause not in told)
            told.add(one.cause or one)
        left = report.counts[code, backend] - len(same[:most])
        if left:
            yield '%s... and %d more: see --verbose, or --json' % (
                _INDENT, left)


def _finding(one, whole):
    yield from wrapped(_INDENT, one.text)
    if whole and one.cause:
        yield from wrapped(_INDENT + 'Cause: ', one.cause)
    if whole and one.cure:
        # Half a command may do something else.
        yield from wrapped(_INDENT + 'Cure: ', one.cure, len(one.cure))


def _facts(report):
    title = None
    for entry in report.facts():
        if title != (entry.backend, entry.section):
            title = entry.backend, entry.section
            yield ''
            yield shown(': '.join(filter(None, title)))
        yield from wrapped('  ok  ', entry.finding.text, indent=' ' * 6)


# For machines ---------------------------------------------------------------

def as_json(report: reports.Report) -> str:
    """Write a report for machines.

    :param report: the report
    :returns: a JSON object
    """
    text = json.dumps({
        'format': JSON_FORMAT, 'check': report.check, 'host': report.host,
        'time': datetime.datetime.fromtimestamp(
            int(time.time()), datetime.timezone.utc).isoformat(),
        'seconds': round(report.seconds, 3),
        'status': report.severity,
        'counts': [{'code': code, 'backend': backend,
                    'severity': findings.CODES[code], 'count': count}
                   for (code, backend), count in report.counts.items()
                   if code],
        'findings': [{
            'severity': one.finding.severity, 'backend': one.backend,
            'section': one.section, **dataclasses.asdict(one.finding)}
            for one in report.found()],
        'facts': [{'section': one.section, 'backend': one.backend,
                   'text': one.finding.text} for one in report.facts()],
        'metrics': [dataclasses.asdict(one) for one in report.samples],
        **report.extra}, indent=1)
    # JSON escapes all that is not printable but this.
    return text.replace('\x7f', '\\u007f') + '\n'


def as_openmetrics(report: reports.Report) -> str:
    """Write a report for a monitoring system.

    :param report: the report
    :returns: OpenMetrics text
    """
    return metrics.openmetrics(report, time.time())
