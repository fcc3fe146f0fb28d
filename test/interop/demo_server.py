"""`oocrpcd demo` as a process that can be stopped and started again on the same port."""
import re
import signal
import subprocess

STOP_WITHIN = 30


class demo_server:
    """Serves as soon as it exists; `url` is the one for drivers. Its log goes to stderr."""

    def __init__(self, program):
        self.program = program
        self.port = 0
        self._start()

    def _start(self):
        command = [self.program, "demo", "--drain-timeout", "1",
                   "--listen", f"oocrpc://127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ready = self.process.stdout.readline()
        found = re.search(r"ready.*://127\.0\.0\.1:(\d+)", self.ready)
        if not found:
            self.process.kill()
            raise RuntimeError(f"no ready line but {self.ready!r}")
        self.port = int(found[1])
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
        """Stops it with that signal and starts it on the same port; returns the exit code."""
        code = self.stop(number)
        self._start()
        return code
