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

"""Keeps tox quiet: the plug-in that tox finds beside its tox.ini.

With -q, which tools/tox gives, an environment prints a line when it starts
and one when it ends; all else is in its directory of logs, and printed when
it fails. Programs that print what people want to see (those with
parallel_show_output) are left alone when they were asked for by name, and
everything is with -v.
"""

import contextlib
import time

from tox import plugin
from tox.tox_env import runner
from tox.util import spinner

from tools import run_output

_QUIET = 1
_RUNS = {}

# tox's own line for the end of all environments but the last one.
spinner.Spinner.print_report = property(
    lambda self: False, lambda self, value: None)


class _Run(object):
    """An environment that is made ready, and then its commands."""

    def __init__(self, tox_env):
        self._env = tox_env
        self._began = time.monotonic()
        self._file = tox_env.env_log_dir / run_output.FILE
        self._redirected = contextlib.ExitStack()
        _say(run_output.beginning(tox_env.name))

    def start(self):
        """Have what this thread's commands print written to the file."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        out = self._redirected.enter_context(
            self._file.open('w', encoding='utf-8'))
        self._redirected.enter_context(
            self._env.log_handler.suspend_out_err(True, (out, out)))

    def end(self, exit_code):
        """Tell what it came to."""
        self._redirected.close()
        printed = self._file.read_text(encoding='utf-8', errors='replace')
        if exit_code:
            _say(run_output.failures(printed))
        _say(run_output.end(self._env.name, not exit_code, printed,
                            time.monotonic() - self._began))


def _say(text):
    print(text, flush=True)


def _run(tox_env):
    """The run of an environment, or None when all is to be shown."""
    if not isinstance(tox_env, runner.RunToxEnv):
        return None
    options = tox_env.options
    asked_for = not options.env.is_default_list
    if options.verbosity > _QUIET or options.no_test or (
            asked_for and tox_env.conf['parallel_show_output']):
        return None
    return _RUNS.get(tox_env.name) or _RUNS.setdefault(
        tox_env.name, _Run(tox_env))


@plugin.impl
def tox_on_install(tox_env, arguments, section, of_type):
    """Say that an environment is begun; a hook of tox's."""
    _run(tox_env)


@plugin.impl
def tox_before_run_commands(tox_env):
    """Begin to write to a file what is printed; a hook of tox's."""
    if run := _run(tox_env):
        run.start()


@plugin.impl
def tox_after_run_commands(tox_env, exit_code, outcomes):
    """Say what became of the commands; a hook of tox's."""
    if run := _run(tox_env):
        run.end(exit_code)
