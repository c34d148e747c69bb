"""The proxies that are compared: their configurations, and one instance of each."""

import http.client
import os
import socket
import ssl
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAMES = ["nginx", "haproxy", "evenkeel"]
# How long a proxy may take to listen, in seconds.
START = 15


class Failed(Exception):
    """Something that the comparison cannot go on without, in words for the user."""


def free_ports(count):
    """Ports that nobody has: found by the kernel, given back just before they are used."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def configuration(name, values):
    """Fills in a template of `conf/`; lines that begin with {tls} are comments without TLS."""
    file = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "evenkeel": "evenkeel.toml"}[name]
    with open(os.path.join(HERE, "conf", file)) as template:
        text = template.read()
    for key, value in values.items():
        text = text.replace("{%s}" % key, str(value))
    return text


class Proxy:
    """One running instance on ports of its own."""

    def __init__(self, name, setup, under=(), endpoint="", pool="", route="", more=""):
        """`under` runs it; the rest are words of evenkeel's configuration: of an endpoint, of the
        pool, of the first route, and tables of their own."""
        self.name, self.setup = name, setup
        self.http, self.https, admin = free_ports(3)
        end, folder = setup.endpoints, setup.folder
        values = {
            "http": self.http, "https": self.https, "admin": admin, "folder": folder,
            "tls": "" if setup.tls else "# ", "cert": setup.cert, "key": setup.key,
            "both": setup.both, "descriptors": setup.descriptors,
            "connections": setup.descriptors - 1000,
            # HAProxy keeps two descriptors for each connection.
            "haproxy_connections": setup.descriptors // 2 - 100,
            "nginx_endpoints": " ".join("server %s;" % one for one in end),
            "haproxy_endpoints": "\n  ".join("server s%d %s" % it for it in enumerate(end)),
            "evenkeel_endpoints": "\n  ".join('{ address = "%s"%s },' % (one, endpoint)
                                             for one in end),
            "evenkeel_pool": pool, "evenkeel_route": route, "evenkeel_more": more,
        }
        path = os.path.join(folder, "%s-%d.conf" % (name, self.http))
        with open(path, "w") as file:
            file.write(configuration(name, values))
        command = {
            "nginx": [setup.tools["nginx"], "-c", path],
            "haproxy": [setup.tools["haproxy"], "-db", "-f", path],
            "evenkeel": [setup.binary, "serve", "-c", path],
        }[name]
        if name == "evenkeel":
            os.rename(path, path[:-4] + "toml")
            command[-1] = path[:-4] + "toml"
        command = [*under, *command]
        self.child = setup.children.start(name, command, setup.proxy_core)
        for port in self.ports():
            self._wait(port)

    def ports(self):
        return [self.http, self.https] if self.setup.tls else [self.http]

    def end(self):
        self.setup.children.end(self.child)

    def _wait(self, port):
        end = time.monotonic() + START
        while self.child.poll() is None and time.monotonic() < end:
            try:
                return socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
        with open(self.setup.children.log(self.name)) as log:
            raise Failed("%s does not listen:\n%s" % (self.name, log.read()[-2000:]))

    def check(self):
        """Is it alike? 200, whole bodies, X-Forwarded-For added, TLS 1.3 with this certificate.

        Returns the cipher suite that it agrees on with a client of OpenSSL's defaults, as `wrk` is.
        """
        suite = None
        context = ssl.create_default_context(cafile=self.setup.cert)
        for port in self.ports():
            if port == self.http:
                client = http.client.HTTPConnection("localhost", port, timeout=10)
            else:
                client = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
            for path, size in {"/100": 100, "/16k": 16 << 10, "/1m": 1 << 20}.items():
                client.request("GET", path)
                answer = client.getresponse()
                if (answer.status, len(answer.read())) != (200, size):
                    raise Failed("%s answers %s to %s" % (self.name, answer.status, path))
            client.request("GET", "/head")
            seen = client.getresponse().read().decode().lower()
            if "\r\nx-forwarded-for: 127.0.0.1\r\n" not in seen:
                raise Failed("%s adds no X-Forwarded-For:\n%s" % (self.name, seen))
            if port == self.https:
                suite, version, _ = client.sock.cipher()
                if version != "TLSv1.3":
                    raise Failed("%s speaks %s" % (self.name, version))
            client.close()
        return suite
