"""The users of login_test.py, their certificates, and the logins that each client tries."""
import os
import pathlib
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from certificates import authority  # noqa: E402

RIGHT, WRONG, OTHER = "secret one", "secret two", "secret three"
STRANGE_NAME, STRANGE_WORD = "a:d/a@h?x#=,%41", "p@ss:w/rd?#[]&=+,%41"
PREPARED, AS_TYPED = "IX \u212b 密码", "I\u00adX A\u030a 密码"  # the same after SASLprep
PASSWORDS = RIGHT, WRONG, OTHER, STRANGE_WORD, PREPARED, AS_TYPED

OK = "ok"
FAILED = "(code 18:|error:) .*authentication ?failed"
REFUSED = "code 18: "
NOT_ALLOWED = "code 13: "
NO_CERTIFICATE = "(code 18|error): "
NO_CONNECTION = "error: "
UNTRUSTED = "error: .*(certificate|TLS handshake failed)"

ENCRYPTED, PLAIN, BY_NAME, OTHER_NAME = "encrypted", "plain", "localhost", "other"
TLS = {"tls": "true", "tlsCAFile": "{test-CA}"}
# In milliseconds. mongosh alone would wait for 2 seconds, which loaded machines may need for TLS.
WAIT, SOON = {"serverSelectionTimeoutMS": "30000"}, {"serverSelectionTimeoutMS": "4000"}
X509 = {**TLS, "authMechanism": "MONGODB-X509", "authSource": "$external"}


class login:
    """A row of the table: who comes how, and what the client must be told of it.

    In options `{name}` is the path of that file of the site; the mechanism is what the log says.
    """

    def __init__(self, name, expected, user=None, password=None, mechanism=None, to=ENCRYPTED,
                 native=False, **options):
        self.name, self.expected, self.to, self.native = name, expected, to, native
        self.user, self.password, self.mechanism = user, password, mechanism
        self.options = {**WAIT, **(TLS if to == ENCRYPTED else {}), **options}


def by(mechanism, **how):
    """A user who names the mechanism: with the right password, a wrong one, and unknown."""
    name = mechanism.lower().replace("scram-", "").replace("-", "")
    options = {"authMechanism": mechanism, "mechanism": mechanism, **how}
    return [login(name, OK, "ada", RIGHT, **options),
            login(name + "_wrong_password", FAILED, "ada", WRONG, **options),
            login(name + "_unknown_user", FAILED, "nobody", RIGHT, **options)]


LOGINS = [
    *by("SCRAM-SHA-256"),
    *by("SCRAM-SHA-1"),
    *by("PLAIN", authSource="$external"),
    login("negotiated", OK, "ada", RIGHT, mechanism="SCRAM-SHA-256"),
    login("negotiated_wrong_password", FAILED, "ada", WRONG),
    login("negotiated_unknown_user", FAILED, "nobody", RIGHT),
    login("negotiated_old_user", OK, "old", OTHER, mechanism="SCRAM-SHA-1"),
    login("old_user_wrong_password", FAILED, "old", WRONG),
    login("mechanism_of_no_key", FAILED, "old", OTHER, authMechanism="SCRAM-SHA-256"),
    login("source_is_a_database", OK, "ada", RIGHT, authSource="demo"),
    login("strange_characters", OK, STRANGE_NAME, STRANGE_WORD),
    login("strange_characters_wrong", FAILED, STRANGE_NAME, STRANGE_WORD + " "),
    login("strange_characters_sha1", OK, STRANGE_NAME, STRANGE_WORD, authMechanism="SCRAM-SHA-1"),
    login("prepared", OK, "prepared", AS_TYPED),

    login("not_encrypted", OK, "ada", RIGHT, to=PLAIN),
    login("not_encrypted_wrong_password", FAILED, "ada", WRONG, to=PLAIN),
    login("plain_not_encrypted", FAILED + "|error: .*needs TLS", "ada", RIGHT, to=PLAIN,
          authMechanism="PLAIN", authSource="$external"),

    login("x509", OK, mechanism="MONGODB-X509", tlsCertificateKeyFile="{ada}", **X509),
    login("x509_named", OK, "CN=ada,O=tests", tlsCertificateKeyFile="{ada}", **X509),
    login("x509_another_name", FAILED, "CN=eve,O=tests", tlsCertificateKeyFile="{ada}", **X509),
    login("x509_unknown_user", FAILED, tlsCertificateKeyFile="{nobody}", **X509),
    login("x509_without_certificate", NO_CERTIFICATE, **X509),
    login("x509_of_another_authority", NO_CERTIFICATE, tlsCertificateKeyFile="{eve}", **X509,
          **SOON),
    login("scram_with_certificate", OK, "ada", RIGHT, tlsCertificateKeyFile="{nobody}"),

    login("nobody", NOT_ALLOWED),
    login("nobody_not_encrypted", NOT_ALLOWED, to=PLAIN),
    login("another_role", NOT_ALLOWED, "reader", OTHER),

    login("by_name", OK, "ada", RIGHT, to=BY_NAME, **TLS),
    login("unknown_authority", UNTRUSTED, "ada", RIGHT, tlsCAFile="{another-CA}", **SOON),
    login("another_host_name", UNTRUSTED, "ada", RIGHT, to=OTHER_NAME, **TLS, **SOON),
    login("another_host_name_allowed", OK, "ada", RIGHT, to=OTHER_NAME, **TLS,
          tlsAllowInvalidHostnames="true"),
    login("not_encrypted_to_tls", NO_CONNECTION, "ada", RIGHT, tls="false", tlsCAFile="{none}",
          **SOON),
    login("tls_to_not_encrypted", NO_CONNECTION, "ada", RIGHT, to=PLAIN, **TLS, **SOON),
]


def native(name, expected, *who, to=ENCRYPTED, **how):
    return login("native_" + name, expected, *who, to=to, native=True, **how)


# Of our own client, which logs in to our own protocol, too.
NATIVE_LOGINS = [
    native("login", OK, "ada", RIGHT),
    native("wrong_password", REFUSED, "ada", WRONG),
    native("unknown_user", REFUSED, "nobody", RIGHT),
    native("strange_characters", OK, STRANGE_NAME, STRANGE_WORD),
    native("prepared", OK, "prepared", AS_TYPED),
    native("another_role", NOT_ALLOWED, "reader", OTHER),
    native("nobody", REFUSED),
    native("certificate", OK, tlsCertificateKeyFile="{ada}"),
    native("certificate_of_nobody", REFUSED, tlsCertificateKeyFile="{nobody}"),
    native("certificate_of_another_authority", REFUSED, tlsCertificateKeyFile="{eve}"),
    native("not_encrypted", OK, "ada", RIGHT, to=PLAIN),
    native("not_encrypted_wrong_password", REFUSED, "ada", WRONG, to=PLAIN),
    native("unknown_authority", UNTRUSTED, "ada", RIGHT, tlsCAFile="{another-CA}"),
    native("another_host_name", UNTRUSTED, "ada", RIGHT, to=OTHER_NAME, **TLS),
]

# What a client cannot do, and why.
HASHES_ESCAPED_NAME = {
    "strange_characters_sha1": "for SHA-1 it hashes ',' and '=' of a name escaped"}
UNSUPPORTED = {client: HASHES_ESCAPED_NAME for client in ("node7", "node4", "mongosh", "mongoose")}
UNSUPPORTED["go"] = {
    "x509_another_name": "it does not send the name, but leaves that to the certificate",
    "another_host_name_allowed": "it knows no tlsAllowInvalidHostnames",
}


class site:
    """A directory with certificates and users, and how a server is started with them."""

    listeners = ("oocrpcs://127.0.0.1", "oocrpc://127.0.0.1", "oocrpcs://127.0.0.2")

    def __init__(self, oocrpcd, directory):
        self.path = pathlib.Path(directory)
        self.log = self.path / "log"
        self.ports = ()  # once the server listens
        ca, another = authority(directory), authority(directory, "another CA")
        server = ca.issue("server")
        for name in ("ada", "nobody"):
            ca.issue(name, subject=f"/O=tests/CN={name}")
        another.issue("eve", subject="/O=tests/CN=ada")
        self.host = ("--users", str(self.path / "users.toml"), "--logfile", str(self.log),
                     "--log-format", "json")
        self.options = ("--tls-certificate", str(server), "--tls-ca", str(ca.path),
                        "--tls-client-certificates", "optional")
        self._make_users(oocrpcd)

    def _make_users(self, oocrpcd):
        def add(name, role, *words, password=None):
            subprocess.run([oocrpcd, "user", "add", name, "--role", role, *words], check=True,
                           cwd=self.path, input=password and password + "\n", text=True)

        file = self.path / "users.toml"
        with_password = ("--password-stdin",)
        add("old", "admin", *with_password, password=OTHER)
        # Those who were made before there was SCRAM-SHA-256.
        text = "".join(line for line in file.read_text().splitlines(keepends=True)
                       if "SCRAM-SHA-256$" not in line)
        file.write_text(text.replace("[roles]\n", '[roles]\n"reader" = ["demo.echo"]\n'))
        add("ada", "admin", *with_password, password=RIGHT)
        add(STRANGE_NAME, "admin", *with_password, password=STRANGE_WORD)
        add("prepared", "admin", *with_password, password=PREPARED)
        add("reader", "reader", *with_password, password=OTHER)
        add("CN=ada,O=tests", "admin", "--no-password")

    def _url(self, one):
        host, port = {
            ENCRYPTED: ("127.0.0.1", 0), PLAIN: ("127.0.0.1", 1), BY_NAME: ("localhost", 0),
            OTHER_NAME: ("127.0.0.2", 2)}[one.to]
        who = ":".join(urllib.parse.quote(part, safe="")
                       for part in (one.user, one.password) if part is not None)
        files = {name: str(self.path / (name + ".pem")) for name in
                 ("test-CA", "another-CA", "ada", "nobody", "eve")}
        options = {key: files.get(value.strip("{}"), value) for key, value in one.options.items()}
        query = urllib.parse.urlencode(options, quote_via=urllib.parse.quote)
        scheme = "mongodb"
        if one.native:
            scheme = "oocrpc" if one.to == PLAIN else "oocrpcs"
        return f"{scheme}://{who}{who and '@'}{host}:{self.ports[port]}/?{query}"

    def good_url(self, encrypted=True):
        return self._url(login("good", OK, "ada", RIGHT, to=ENCRYPTED if encrypted else PLAIN))

    def write_logins(self, logins):
        """The path of the file for OOCRPC_LOGINS."""
        path = self.path / "logins"
        path.write_text("".join(f"{one.name}\t{self._url(one)}\n" for one in logins), "utf-8")
        return os.fspath(path)
