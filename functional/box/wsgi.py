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

"""A server for services that come as WSGI applications only.

``python -m functional.box.wsgi MODULE ADDRESS PORT ARGUMENTS``: the
``application`` of the module, which gets the arguments as its command line.
"""

import importlib
import logging
import os
import signal
import sys
import threading

_THREADS = 10


def command(module, reservation, *arguments):
    """Tell what serves an application.

    :param module: name of the module that has it
    :param reservation: a process.Reservation of the port
    :param arguments: the command line that the application reads
    :returns: program and arguments
    """
    return [sys.executable, '-m', 'functional.box.wsgi', module,
            reservation.address, str(reservation.port), *arguments]


def main(module, address, port, *arguments):
    """Serve until the process is told to end."""
    sys.argv[1:] = arguments
    application = importlib.import_module(module).application
    # Later, since Nova's chooses between eventlet and native threads first.
    from functional.services import serving

    server = serving.make_server(application, address, int(port), _THREADS)
    signal.signal(signal.SIGTERM, lambda *_args: threading.Thread(
        target=server.stop).start())
    server.serve()
    # Threads of the application may go on for ever.
    logging.shutdown()
    os._exit(0)


if __name__ == '__main__':
    main(*sys.argv[1:])
