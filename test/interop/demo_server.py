"""`oocrpcd demo` as a process that can be stopped and started again on the same ports."""
import re
import signal
import subprocess

STOP_WITHIN = 30


class demo_server:
    """Serves as soon as it exists; `url` is the one for drivers. Its log goes to stderr.

    `listeners` are URLs without their ports, which stand in `ports`; `host` are options of oocrpcd
    itself, `options` those of the demo.
    """

    def __init__(self, program, listeners=("oocrpc://127.0.0.1",), host=(), options=()):
        self.command = [program, *host, "demo", "--drain-timeout", "1", *options]
        self.listeners = listeners
        self.ports = [0] * len(listeners)
        self._start()

    def _start(self):
        listen = [word for where, port in zip(self.listeners, self.ports)
                  for word in ("--listen", f"{where}:{port}")]
        self.process = subprocess.Popen(self.command + listen, stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline()
        found = re.findall(r"://[\d.]+:(\d+)", self.ready)
        if "ready" not in self.ready or len(found) != len(self.listeners):
            self.process.kill()
            raise RuntimeError(f"no ready line but {self.ready!r}")
        self.ports = [int(port) for port in found]
        self.port = self.ports[0]
        self.url = f"mongodb://127.0.0.1:{self.port}/"

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code, None where it did not end in time and was killed."""
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdout.close()

    def restart(self, number=signal.SIGTERM):
        """Stops it with that signal and starts it on the same ports; returns the exit code."""
        code = self.stop(number)
        self._start()
        return code
