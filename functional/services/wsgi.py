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

"""Serving a WSGI application.

Cheroot was chosen because it is pure Python (uWSGI needs a C compiler), runs
each request in a native thread as Glance and Cinder expect of a WSGI server,
and hands a chunked upload of any length to the application as it arrives
(waitress first spools the whole body to a temporary file, 1 GiB at most).
"""

from cheroot import wsgi as cheroot_wsgi


def make_server(application, address, port, threads=10):
    """Make a server that is ready to be started in a thread.

    :param application: the WSGI application
    :param address: the address to listen on
    :param port: the port to listen on
    :param threads: how many requests are served at a time
    :returns: an object with serve(), to be called in a thread of its own,
              and stop()
    """
    server = cheroot_wsgi.Server((address, port), application,
                                 numthreads=threads, timeout=60,
                                 shutdown_timeout=2)
    server.prepare()
    return server
