"""Certificates and keys made for one test by the openssl command, in a directory of the test's.

    ca = authority(directory)
    server = ca.issue("server", "DNS:localhost,IP:127.0.0.1")   # server.pem with the key in it
"""
import pathlib
import subprocess

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")
HERE = "DNS:localhost,IP:127.0.0.1"


def openssl(*words, input=None):
    done = subprocess.run(["openssl", *map(str, words)], input=input, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


class authority:
    def __init__(self, directory, name="test CA"):
        self.directory = pathlib.Path(directory)
        self.path = self.directory / f"{name.replace(' ', '-')}.pem"
        self.key = self.path.with_suffix(".key")
        openssl("req", "-x509", *EC, "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.path)

    def issue(self, name, names=HERE, key=EC, days=2, subject=None):
        """A file with a certificate, of that common name where no subject is given, and its key;
        replaces the one before."""
        path = self.directory / f"{name}.pem"
        new_key = path.with_suffix(".key")
        text = openssl("req", "-x509", "-CA", self.path, "-CAkey", self.key, *key, "-nodes",
                       "-days", str(days), "-subj", subject or f"/CN={name}", "-keyout", new_key,
                       "-addext", f"subjectAltName={names}",
                       "-addext", "basicConstraints=critical,CA:FALSE")
        path.touch(0o600)
        path.write_text(text + new_key.read_text())
        return path
