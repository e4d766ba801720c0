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

"""The demonstration: python -m functional.demo."""

import argparse
import logging
import platform
import shutil
import signal
import sys
import time
import warnings

# Libraries warn when they are imported; none of it is for this terminal.
warnings.simplefilter('ignore')

from functional.demo import output as output_  # noqa: E402
from functional.demo import runner as runner_  # noqa: E402
from functional.demo import session  # noqa: E402
from functional.demo import steps as steps_  # noqa: E402
from functional.services import cloud  # noqa: E402
from functional.services import process  # noqa: E402
from functional.services import programs  # noqa: E402
from functional.services import simulator as simulator_  # noqa: E402
from functional.services import stack as stack_  # noqa: E402

FAILED = 1
NOT_STARTED = 2
INTERRUPTED = 130

BACKEND = 'dsware'


class Interrupted(BaseException):
    """Somebody wants the demonstration to end."""


def parse_arguments(arguments):
    """Read the command line.

    :param arguments: the arguments
    :returns: an object with an attribute for each option
    """
    parser = argparse.ArgumentParser(
        prog='python -m functional.demo',
        description='Runs real Cinder and Glance services with the Dsware '
                    'driver on a simulated Dsware cluster, does with them '
                    'what an operator does, and checks every result.')
    parser.add_argument('--keep', action='store_true',
                        help='leave everything running, say how to talk to '
                             'it and how to stop it')
    parser.add_argument('--stop', metavar='DIRECTORY',
                        help='stop what --keep left running there')
    parser.add_argument('--transport', choices=('socket', 'rest', 'cli'),
                        default='socket',
                        help='how the driver talks to the cluster '
                             '(default: %(default)s)')
    parser.add_argument('--devices', choices=('auto', 'loop', 'file'),
                        default='auto',
                        help='what an attached volume is: a loop device, '
                             'which needs root, or a plain file (default: '
                             'loop as root)')
    parser.add_argument('--clone', choices=('linked', 'full'),
                        default='linked',
                        help='how volumes are copied (default: %(default)s)')
    parser.add_argument('--native-threads', action='store_true',
                        help='run Cinder without eventlet')
    return parser.parse_args(arguments)


def _catch_signals():
    """Let the first signal end the demonstration, and no other one."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number, frame):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted()

    for each in numbers:
        signal.signal(each, interrupt)


def _log_to(path):
    """Send all messages of this process to a file.

    :param path: where
    """
    logging.basicConfig(
        filename=path, level=logging.INFO,
        format='%(asctime)s %(levelname)s %(name)s %(message)s')
    logging.captureWarnings(True)


def _make_stack(args, directory):
    simulator = simulator_.Simulator(directory / 'simulator',
                                     devices=args.devices, outlive=args.keep)
    options = {'dsware_transport': args.transport,
               'dsware_clone': args.clone}
    return stack_.Stack(
        directory, {'simulator': simulator},
        {BACKEND: ('simulator', options)},
        native_threads=args.native_threads, outlive=args.keep)


class Demonstration(object):
    """One run, from the start of the services to their end."""

    def __init__(self, args, output):
        """Prepare a run.

        :param args: what parse_arguments() returned
        :param output: where its lines go
        """
        self._args = args
        self._output = output
        self._start = time.monotonic()
        self._runner = runner_.Runner(output)
        self._directory = stack_.make_directory('dsware-demo-')
        _log_to(self._directory / 'demo.log')
        self._stack = _make_stack(args, self._directory)
        self._kept = False

    def run(self):
        """Start the services, take the steps, and stop the services.

        :returns: the exit code
        """
        code = NOT_STARTED
        try:
            self._start_services()
            code = self._take_steps()
            if self._args.keep:
                self._keep()
        except process.ProcessFailed as exc:
            self._output.line('FAILED  %s' % exc)
        except Exception as exc:
            logging.exception('The demonstration cannot go on.')
            self._output.line('FAILED  %s: %s' % (type(exc).__name__, exc))
        except Interrupted:
            self._output.end_progress()
            self._output.line('Interrupted: stopping everything.')
            code = INTERRUPTED
        finally:
            # Not to be interrupted a second time.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if not self._kept:
                self._stop(code)
        self._summary(code)
        return code

    def _start_services(self):
        self._output.line(
            'Dsware demonstration: Cinder %s, Glance %s, os-brick %s, '
            'Python %s' % (programs.version('cinder'),
                           programs.version('glance'),
                           programs.version('os-brick'),
                           platform.python_version()))
        self._output.line('Files and logs: %s' % self._directory)
        self._output.heading('Services')
        self._start_one('Dsware cluster', self._stack.start_clusters,
                        self._describe_cluster)
        self._stack.start_cinder()
        self._start_one('Glance', self._stack.glance.wait,
                        lambda: self._stack.glance.url)
        self._start_one('Cinder', self._stack.wait, self._describe_cinder)
        cloud.write_clouds(self._directory / 'clouds.yaml',
                           self._stack.cinder.url, self._stack.glance.url)
        path = self._stack.cinder.config_path
        self._output.heading('cinder.conf (%s)' % path)
        self._output.block(programs.render_config(
            self._stack.cinder.configuration()))

    def _start_one(self, name, function, describe):
        with self._output.activity(name):
            function()
        self._output.result(True, time.monotonic() - self._start, name,
                            describe())

    def _describe_cluster(self):
        simulator = self._stack.simulator
        return 'simulated: agents %s; %s' % (
            ', '.join('%s:%d' % agent for agent in simulator.agents),
            output_.counted(len(simulator.pools), 'pool'))

    def _describe_cinder(self):
        return '%s: API, scheduler, volume service, %s' % (
            self._stack.cinder.url,
            'native threads' if self._args.native_threads else 'eventlet')

    def _take_steps(self):
        """Take the steps until one fails.

        :returns: the exit code
        """
        self._output.heading('Steps')
        files = self._directory / 'files'
        files.mkdir()
        steps = steps_.Steps(self._stack, files, self._output)
        for name, function in steps.in_order():
            reason = self._reason_to_skip(function.__name__)
            if reason:
                self._runner.skip(name, reason)
            elif not self._runner.run(name, function):
                return FAILED
        return 0

    def _reason_to_skip(self, step):
        if self._args.keep and step in ('delete', 'cluster_is_empty'):
            return 'left for you to look at (--keep)'
        needs = ('volume_from_image', 'volume_to_image')
        if step in needs and not programs.qemu_img():
            return ('qemu-img is missing, which Cinder needs for images; '
                    'to install it: ' + programs.INSTALL_QEMU_IMG)
        return None

    def _keep(self):
        self._kept = True
        text = session.keep(self._stack)
        self._output.heading('Kept')
        self._output.line(text.rstrip('\n'))

    def _stop(self, code):
        """Stop the services, and remove files that nobody needs.

        :param code: the exit code; after a failure the files are kept
        """
        try:
            self._stack.stop()
        except Exception:
            logging.exception('Not everything could be stopped.')
            self._output.line('Not everything could be stopped; see %s'
                              % (self._directory / 'demo.log'))
        if code in (0, INTERRUPTED):
            shutil.rmtree(self._directory / 'files', ignore_errors=True)
            stack_.remove_all_but_logs(self._stack)

    def _summary(self, code):
        self._output.heading('Summary')
        self._output.line('%s, %s, %d failed, %d skipped; '
                          '%.1f seconds in all' % (
                              output_.counted(self._runner.steps, 'step'),
                              output_.counted(self._runner.checks, 'check'),
                              len(self._runner.failed),
                              len(self._runner.skipped),
                              time.monotonic() - self._start))
        for name, path in sorted(self._stack.logs().items()):
            self._output.line('%-10s log  %s' % (name, path))
        self._output.line('%-10s log  %s' % (
            'this', self._directory / 'demo.log'))
        for name, text in self._runner.failed:
            self._output.heading('Why "%s" failed' % name)
            self._output.block(text)
        self._output.line()
        self._output.line(self._verdict(code))

    def _verdict(self, code):
        if code == INTERRUPTED:
            return 'Interrupted.'
        if code:
            return 'FAILED'
        skipped = len(self._runner.skipped)
        return ('All is well; %s skipped.' % output_.counted(skipped, 'step')
                if skipped else 'All is well.')


def main(arguments=None):
    """Run the demonstration.

    :param arguments: of the command line
    :returns: the exit code
    """
    args = parse_arguments(arguments)
    output = output_.Output()
    if args.stop:
        try:
            session.stop(args.stop, output)
        except session.NoSession as exc:
            output.line(str(exc))
            return FAILED
        return 0
    _catch_signals()
    return Demonstration(args, output).run()


if __name__ == '__main__':
    sys.exit(main())
