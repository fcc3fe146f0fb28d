"""A program on a terminal of its own (a pty), as a person sits in front of it."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios


class terminal:
    """Runs `program WORD...`, in the directory `cwd` where one is given."""

    def __init__(self, program, *words, cwd=None):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # Who runs this in the background may have had it ignore them.
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            if cwd is not None:
                os.chdir(cwd)
            os.execv(program, [os.path.basename(program), *words])
        self.seen = ""
        self.before = termios.tcgetattr(self.master)

    def read(self):
        ready, _, _ = select.select([self.master], [], [], 30)
        assert ready, f"nothing comes: {self.seen!r}"
        try:
            data = os.read(self.master, 4096)
        except OSError:  # the other end is closed
            data = b""
        self.seen += data.decode()
        return data

    def expect(self, text):
        while text not in self.seen:
            assert self.read(), f"it ended: {self.seen!r}"

    def type(self, text):
        os.write(self.master, text.encode())

    def number(self):
        tiocgptn = 0x80045430
        return struct.unpack("i", fcntl.ioctl(self.master, tiocgptn, bytes(4)))[0]

    def echoes(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def end(self):
        """The exit code, or minus the signal, once all is read."""
        while self.read():
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)
