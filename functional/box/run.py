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

"""One run of the box, in its enclosure: services, tests, results.

``python -m functional.box.run DIRECTORY ARGUMENTS`` is what
``python -m functional.box ARGUMENTS`` makes an enclosure for.
"""

import importlib.metadata
import logging
import os
import pathlib
import signal
import sys
import time

from functional.box import arguments as arguments_
from functional.box import control_plane
from functional.box import enclosure
from functional.box import masking
from functional.box import results
from functional.box.scenarios import runner
from functional.box import session
from functional.box import tempest
from functional.demo import output as output_
from functional.services import process
from functional.services import programs

FAILED = 1
NOT_STARTED = 2
INTERRUPTED = 130
_PROGRAMS = ('cinder', 'nova', 'os-brick', 'tempest',
             'cinder-tempest-plugin')
# After how many seconds a line says how far the tests are.
_TELL_SECONDS = 60
_PASSED = ('ok', 'SKIPPED')
# The same of subunit.
_SUCCEEDED = ('success', 'skip')
# Where files go by the ends of their names.
_PUBLISHED = {'.log': 'logs', '.conf': 'configuration'}


class Interrupted(BaseException):
    """Somebody wants the box to end."""


class Run(object):
    """One run, from the start of the services to their end."""

    def __init__(self, args, directory, output):
        """Prepare a run.

        :param args: what arguments.parse() returned
        :param directory: path of a directory for the files of services
        :param output: where its lines go
        """
        self._args = args
        self._directory = directory
        self._output = output
        self._start = time.monotonic()
        self._plane = control_plane.ControlPlane(directory, args.backend)
        self._tempest = tempest.Tempest(directory / 'tempest')
        self._tests = []

    def run(self):
        """Start the services, run the tests, publish, and stop the services.

        :returns: the exit code
        """
        code = NOT_STARTED
        try:
            with enclosure.interrupts(Interrupted):
                self._start_services()
                code = self._run_tests()
                if self._args.keep:
                    self._keep()
        except process.ProcessFailed as exc:
            self._output.line('FAILED  %s' % exc)
        except Exception as exc:
            logging.exception('The box cannot go on.')
            self._output.line('FAILED  %s: %s' % (type(exc).__name__, exc))
        except Interrupted:
            self._output.end_progress()
            if not self._args.keep or code == NOT_STARTED:
                code = INTERRUPTED
        enclosure.ignore_signals()
        self._output.line('Stopping everything.')
        return self._stop(code)

    def _start_services(self):
        self._output.line('Tempest in a box: %s; Python %s' % (
            ', '.join('%s %s' % (name, programs.version(name))
                      for name in _PROGRAMS), sys.version.split()[0]))
        self._output.line('Files: %s' % self._directory)
        self._output.heading('Services')
        with self._output.activity('Services'):
            self._plane.start(self._tell_started)
        self._tempest.prepare(self._plane)
        self._tempest.check()

    def _tell_started(self, name, text):
        self._output.result(True, self._seconds(), name, text)

    def _seconds(self):
        return time.monotonic() - self._start

    def _run_tests(self):
        """Run the tests, if any are wanted.

        :returns: the exit code
        """
        if not self._args.regex and not self._args.scenarios:
            return 0
        stream = self._run_tempest() + self._run_scenarios()
        self._tests = results.read(stream)
        target = self._args.output
        target.mkdir(parents=True, exist_ok=True)
        (target / 'testrepository.subunit').write_bytes(stream)
        (target / 'testr_results.html').write_text(results.page(
            self._job(), self._tests))
        return (0 if results.verdict(self._tests) == results.SUCCESS
                else FAILED)

    def _run_tempest(self):
        """Run Tempest's tests that are wanted.

        :returns: bytes of a stream of subunit
        """
        if not self._args.regex:
            return b''
        self._output.heading('Tests')
        progress = _Progress(self._output, self._seconds)
        self._tempest.run(self._args.regex, self._args.workers, progress.tell)
        return self._tempest.results()

    def _run_scenarios(self):
        """Run the scenarios, if they are wanted.

        :returns: bytes of a stream of subunit
        """
        if not self._args.scenarios:
            return b''
        self._output.heading('Scenarios')
        return runner.run(self._plane, self._tell_scenario)

    def _tell_scenario(self, name, outcome):
        self._output.result(outcome in _SUCCEEDED, self._seconds(), outcome,
                            name.removeprefix(runner.PREFIX))

    def _job(self):
        return 'cinder-dsware-tempest-' + self._args.backend

    def _keep(self):
        self._output.heading('Kept')
        self._output.line(session.keep(self._plane, self._directory))
        while True:
            signal.pause()

    def _stop(self, code):
        """Stop the services, and publish what they have written.

        :param code: the exit code so far
        :returns: the exit code
        """
        self._tempest.stop()
        for exc in self._plane.stop():
            self._output.line('Not everything could be stopped: %r' % exc)
        try:
            self._publish()
        except masking.Revealed as exc:
            self._output.line('FAILED  %s' % exc)
            code = FAILED
        if self._tests:
            self._tell_results()
        else:
            self._output.line('Logs: %s' % (self._args.output / 'logs'))
        return code

    def _publish(self):
        """Copy logs and configuration, and see that no secret is in them."""
        target = self._args.output
        for path in sorted(self._directory.rglob('*')):
            kind = _PUBLISHED.get(path.suffix)
            if kind and path.is_file() and not path.is_symlink():
                masking.publish(path, target / kind / path.relative_to(
                    self._directory))
        (target / arguments_.RESULTS).write_text(''.join(sorted(
            '%s==%s\n' % (one.name, one.version)
            for one in importlib.metadata.distributions())))
        masking.check(target)

    def _tell_results(self):
        failed = [test for test in self._tests
                  if test.outcome == results.FAILED]
        self._output.heading('Results')
        for test in failed:
            self._output.line('FAILED  %s' % test.name)
        lines = results.comment(self._job(), self._args.output, self._tests,
                                self._seconds())
        (self._args.output / 'comment.txt').write_text('\n'.join(lines)
                                                       + '\n')
        if failed:
            self._output.line()
            self._output.line('Why: %s, and %s' % (
                self._args.output / 'testr_results.html',
                self._args.output / 'logs'))
        self._output.line()
        for line in lines:
            self._output.line(line)


class _Progress(object):
    """Says how far the tests are, and which ones fail."""

    def __init__(self, output, seconds):
        self._output = output
        self._seconds = seconds
        self._count = 0
        self._told = seconds()

    def tell(self, name, outcome):
        """Take note of a test that has ended."""
        self._count += 1
        if outcome not in _PASSED:
            self._output.result(False, self._seconds(), '', name)
        elif self._seconds() - self._told >= _TELL_SECONDS:
            self._told = self._seconds()
            self._output.result(True, self._told, output_.counted(
                self._count, 'test'), name)


def main():
    """Run the box.

    :returns: the exit code
    """
    directory, *given = sys.argv[1:]
    directory = pathlib.Path(directory)
    logging.basicConfig(
        filename=directory / 'box.log', level=logging.INFO,
        format='%(asctime)s %(levelname)s %(name)s %(message)s')
    logging.captureWarnings(True)
    try:
        return Run(arguments_.parse(given), directory,
                   output_.Output()).run()
    finally:
        enclosure.clean_up(directory)


if __name__ == '__main__':
    status = main()
    sys.stdout.flush()
    # Threads may still be waiting for what has been stopped.
    os._exit(status)
