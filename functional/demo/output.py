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

"""What the demonstration prints."""

import contextlib
import os
import shutil
import sys
import threading
import time

_SPINNER = '|/-\\'
_GREEN, _RED, _DIM, _PLAIN = '\033[32m', '\033[31m', '\033[2m', '\033[0m'
# Without a terminal, a step that is slow says that it is alive this often.
_QUIET_SECONDS = 15


def counted(count, noun):
    """Write a number of things.

    :param count: how many there are
    :param noun: what one is called
    :returns: the number, and the noun in the right form
    """
    return '%d %s%s' % (count, noun, '' if count == 1 else 's')


class Output(object):
    """Lines for people; plain ASCII where there is no terminal."""

    def __init__(self, stream=None):
        self._stream = stream or sys.stdout
        self._tty = (self._stream.isatty()
                     and os.environ.get('TERM', 'dumb') != 'dumb')
        self._color = self._tty and 'NO_COLOR' not in os.environ
        self._lock = threading.Lock()

    def line(self, text=''):
        """Print a line.

        :param text: the line
        """
        with self._lock:
            self._write(text + '\n')

    def heading(self, text):
        """Print the title of what follows.

        :param text: the title
        """
        self.line()
        self.line(text)
        self.line('-' * len(text))

    def block(self, text):
        """Print text that was made elsewhere, set off from the rest.

        :param text: some lines
        """
        for line in text.rstrip('\n').split('\n'):
            self.line(self._paint(_DIM, ('    ' + line).rstrip()))

    def table(self, rows):
        """Print rows with their columns one below the other.

        :param rows: lists of text, the first one is the heading
        """
        widths = [max(len(cell) for cell in column)
                  for column in zip(*rows)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths)]
            self.line(('    ' + '  '.join(cells)).rstrip())

    def result(self, ok, seconds, name, text):
        """Print the line of a step.

        :param ok: True, False, or None for a step that was left out
        :param seconds: how long it took
        :param name: what was done
        :param text: what was found
        """
        word = {True: 'ok', False: 'FAILED', None: 'skipped'}[ok]
        color = {True: _GREEN, False: _RED, None: _DIM}[ok]
        self.line('%s %5.1f s  %-24s %s' % (
            self._paint(color, word.ljust(7)), seconds, name, text))

    @contextlib.contextmanager
    def activity(self, name):
        """Show that something is under way, for as long as it is.

        :param name: what is under way
        :returns: a context manager whose value has the attribute "text",
                  which is shown too and can be changed
        """
        ticker = _Ticker(self, name)
        ticker.start()
        try:
            yield ticker
        finally:
            ticker.stop()

    def show_progress(self, name, text, seconds, count):
        """Show how far something is; called by the ticker.

        :param name: what is under way
        :param text: how far it is
        :param seconds: for how long it has been under way
        :param count: how often this was called
        """
        if self._tty:
            line = '%s       %5.1f s  %-24s %s' % (
                _SPINNER[count % len(_SPINNER)], seconds, name, text)
            width = shutil.get_terminal_size().columns - 1
            self._transient(line[:width])
        elif seconds and int(seconds) % _QUIET_SECONDS == 0:
            self.line('        %5.1f s  %-24s %s' % (
                seconds, name, text or 'still under way'))

    def progress_interval(self):
        """Seconds between two calls of show_progress."""
        return 0.15 if self._tty else _QUIET_SECONDS

    def end_progress(self):
        """Take away what show_progress left on the screen."""
        if self._tty:
            self._transient('')

    def _transient(self, text):
        with self._lock:
            self._write('\r\033[K' + text)

    def _write(self, text):
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            # Whoever read this is gone; what was started is stopped all the
            # same.
            self._stream = open(os.devnull, 'w')

    def _paint(self, color, text):
        return color + text + _PLAIN if self._color else text


class _Ticker(threading.Thread):
    """Shows progress from a thread while the work is done in another."""

    def __init__(self, output, name):
        super().__init__(daemon=True)
        self._output = output
        self._name = name
        self._done = threading.Event()
        self.text = ''

    def run(self):
        start = time.monotonic()
        count = 0
        while not self._done.wait(self._output.progress_interval()):
            self._output.show_progress(self._name, self.text,
                                       time.monotonic() - start, count)
            count += 1

    def stop(self):
        self._done.set()
        self.join()
        self._output.end_progress()
