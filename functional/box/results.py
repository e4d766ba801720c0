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

"""What became of the tests: numbers, the line for Gerrit, a page."""

import collections
import html
import io

import subunit
import testtools

SUCCESS, FAILURE = 'SUCCESS', 'FAILURE'
PASSED, FAILED, SKIPPED = 'passed', 'failed', 'skipped'
_OUTCOMES = {'success': PASSED, 'xfail': PASSED, 'skip': SKIPPED}
_PAGE = '''<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%(title)s</title><style>
body { font: 15px sans-serif; margin: 2em; max-width: 75em }
table { border-collapse: collapse; width: 100%% }
td, th { text-align: left; padding: .2em .8em; border-top: 1px solid #ccc }
td { vertical-align: top; overflow-wrap: anywhere }
td:last-child { text-align: right; white-space: nowrap }
.failed { background: #fdd } .skipped { color: #666 }
pre { white-space: pre-wrap; font-size: 12px }
</style></head><body>
<h1>%(title)s</h1><p>%(summary)s</p>
<table><tr><th>Test</th><th>Result</th><th>Seconds</th></tr>
%(rows)s
</table></body></html>
'''
_ROW = ('<tr class="%(outcome)s"><td>%(name)s%(details)s</td>'
        '<td>%(outcome)s</td><td>%(seconds).1f</td></tr>')

Test = collections.namedtuple('Test', 'name outcome seconds details')


def read(stream):
    """Read what a run of tests says of itself.

    :param stream: bytes of a stream of subunit
    :returns: a list of Test, in the order of their names
    """
    found = {}

    def note(case):
        # A test that is told of and never ends has failed, too.
        if case['status'] != 'exists' and case['id'] != 'stdout':
            found[case['id']] = Test(
                case['id'].partition('[')[0],
                _OUTCOMES.get(case['status'], FAILED),
                _seconds(case['timestamps']), _details(case))

    result = testtools.StreamToDict(note)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(
        io.BytesIO(stream), non_subunit_name='stdout').run(result)
    result.stopTestRun()
    return sorted(found.values())


def _seconds(timestamps):
    began, ended = timestamps
    return (ended - began).total_seconds() if began and ended else 0.0


def _details(case):
    """Why a test failed or was skipped."""
    wanted = {name: content for name, content in case['details'].items()
              if name.startswith(('traceback', 'reason'))}
    return '\n'.join(content.as_text().strip()
                     for _name, content in sorted(wanted.items()))


def verdict(tests):
    """Tell whether a run has shown that the driver works.

    :param tests: a list of Test
    :returns: SUCCESS or FAILURE; a run that passed no test has not
    """
    count = numbers(tests)
    return SUCCESS if count[PASSED] and not count[FAILED] else FAILURE


def numbers(tests):
    """Count the outcomes.

    :param tests: a list of Test
    :returns: a collections.Counter
    """
    return collections.Counter(test.outcome for test in tests)


def summary(tests):
    """Write the numbers of a run.

    :param tests: a list of Test
    :returns: text
    """
    count = numbers(tests)
    return ', '.join('%d %s' % (count[outcome], outcome)
                     for outcome in (PASSED, FAILED, SKIPPED))


def duration(seconds):
    """Write a time as Zuul does.

    :param seconds: how long it is
    :returns: text such as 1h 12m 03s
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    text = '%02dm %02ds' % (minutes, seconds)
    return '%dh %s' % (hours, text) if hours else text


def comment(job, url, tests, seconds):
    """Write what a CI's account says in Gerrit.

    :param job: name of the job
    :param url: where the results are
    :param tests: a list of Test
    :param seconds: how long the job took
    :returns: the lines of the comment
    """
    result = verdict(tests)
    word = 'succeeded' if result == SUCCESS else 'failed'
    return ['Build %s (%s pipeline).' % (word, 'check'), '',
            '- %s %s : %s in %s (%s)' % (job, url, result, duration(seconds),
                                         summary(tests))]


def page(title, tests):
    """Make a page of the outcomes; failures come first.

    :param title: what was tested
    :param tests: a list of Test
    :returns: text in HTML
    """
    order = (FAILED, PASSED, SKIPPED)
    return _PAGE % {
        'title': html.escape(title), 'summary': summary(tests),
        'rows': '\n'.join(_row(test) for test in sorted(
            tests, key=lambda test: order.index(test.outcome)))}


def _row(test):
    details = test.details and '<pre>%s</pre>' % html.escape(test.details)
    return _ROW % {'name': html.escape(test.name), 'details': details,
                   'outcome': test.outcome, 'seconds': test.seconds}
