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

"""TLS and sign-in settings of the socket transport."""

import dataclasses
import os
import ssl


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A user of the Dsware manager.

    :ivar password: never shown in the object's representation
    """

    user: str
    password: str = dataclasses.field(repr=False)


class TLSSettings:
    """What is needed to make a TLS context, re-read when files change.

    :param verify: whether the agent's certificate is verified
    :param ca_path: file or directory with trusted certificates, or None for
        the system's
    :param client_cert: file with a client certificate, or None
    :param client_key: file with its key, or None when it is in client_cert
    """

    def __init__(self, verify, ca_path=None, client_cert=None,
                 client_key=None):
        self.verify = verify
        self.ca_path = ca_path
        self.client_cert = client_cert
        self.client_key = client_key
        self._cached = (None, None)

    def context(self) -> ssl.SSLContext:
        """Give a context, a new one when a certificate file has changed.

        :returns: the :class:`ssl.SSLContext`
        :raises OSError: when a file cannot be read
        :raises ssl.SSLError: when a file is not what it should be
        """
        signature = self._signature()
        cached, context = self._cached
        if context is None or cached != signature:
            context = self._make_context()
            self._cached = (signature, context)
        return context

    def _signature(self):
        paths = (self.ca_path, self.client_cert, self.client_key)
        stats = (os.stat(path) for path in paths if path)
        return tuple((s.st_mtime_ns, s.st_ino, s.st_size) for s in stats)

    def _make_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif not self.ca_path:
            context.load_default_certs()
        elif os.path.isdir(self.ca_path):
            context.load_verify_locations(capath=self.ca_path)
        else:
            context.load_verify_locations(cafile=self.ca_path)
        if self.client_cert:
            # An encrypted key is an error; OpenSSL itself would ask at the
            # terminal for its password, and the service would hang.
            context.load_cert_chain(self.client_cert, self.client_key,
                                    password=lambda: '')
        return context
