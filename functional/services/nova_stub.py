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

"""Takes the requests that Cinder sends to Nova; a test carries them out."""

import http.server
import json
import queue
import threading


class NovaStub(object):
    """Answers that all is accepted, and keeps what was asked for.

    Attributes: ``requests``, a queue of pairs of path and decoded body.
    """

    def __init__(self, address):
        """Prepare to listen; start() does.

        :param address: host and port
        """
        self.requests = queue.Queue()
        self._address = address
        self._server = None

    def start(self):
        """Listen, in a thread."""
        requests = self.requests

        class Handler(http.server.BaseHTTPRequestHandler):

            def do_PUT(self):
                size = int(self.headers['Content-Length'])
                body = json.loads(self.rfile.read(size))
                # The answer has the same form as the request.
                answer = json.dumps(body).encode()
                self.send_response(200)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                requests.put((self.path, body))

            def log_message(self, *args):
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(self._address,
                                                       Handler)
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()

    def stop(self):
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
