"""TLS from outside: versions and suites, certificates of both ends, reload, peers that misbehave.

Called with OOCRPCD POEM FAILING [TEST...]; OOCRPC and PROXY in the environment name the programs.
Each test is a sentence; none waits for a time to pass, all for something to happen.
"""
import contextlib
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from certificates import RSA, authority  # noqa: E402
from oocrpc_base import client, frame  # noqa: E402
from oocrpcd_process import (  # noqa: E402
    PLAIN, call, component, demo, main, place, refused)

OOCRPC, PROXY = os.environ["OOCRPC"], os.environ["PROXY"]
SECURE = "oocrpcs://127.0.0.1:0"
warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is to be refused


def port_in(url):
    return int(url.rpartition(":")[2])


def context(ca=None, certificate=None, least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3,
            ciphers=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ciphers:
        c.set_ciphers(ciphers + ":@SECLEVEL=0")
    c.minimum_version, c.maximum_version = least, most
    if ca:
        c.load_verify_locations(ca.path)
    else:
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    if certificate:
        c.load_cert_chain(certificate)
    return c


def wrapped(url, how, session=None):
    s = socket.create_connection(("127.0.0.1", port_in(url)), 20)
    return how.wrap_socket(s, server_hostname="localhost", session=session)


class tls_client(client):
    """As client, over Python's own TLS."""

    def __init__(self, url, how, session=None):
        self.socket = wrapped(url, how, session)
        self.stream = self.socket.makefile("rb")


def shakes_hands(url, how):
    try:
        with wrapped(url, how):
            return True
    except (ssl.SSLError, OSError):
        return False


def s_client(url, *words, input=""):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port_in(url)}",
                           *map(str, words)], input=input, capture_output=True, text=True,
                          timeout=60)
    return done.stdout + done.stderr


def oocrpc(*words, **variables):
    done = subprocess.run([OOCRPC, *map(str, words)], capture_output=True, text=True, timeout=60,
                          env=dict(PLAIN, **variables))
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def serving(*options, names="DNS:localhost,IP:127.0.0.1", key=None):
    """A demo behind TLS, and whom it has its certificate from."""
    with place() as at:
        ca = authority(at.path)
        own = ca.issue("server", names, **({"key": key} if key else {}))
        with at.foreground("--log-level", "debug", "demo", "--listen", SECURE,
                           "--tls-certificate", own, *options) as d:
            yield at, ca, d


def reason(d, count=1):
    return d.seen("handshake failed", count=count)["reason"]


def only_new_versions_and_suites_with_authentication_are_spoken():
    every = [c["name"] for c in context(ciphers="ALL:COMPLEMENTOFALL").get_ciphers()
             if c["protocol"] != "TLSv1.3"]
    assert "ECDHE-RSA-AES128-SHA" in every and len(every) > 50, every
    for key, kind in ((None, "ECDSA"), (RSA, "RSA")):
        with serving(key=key) as (at, ca, d):
            spoken = {name for name in every if shakes_hands(
                d.urls[0], context(most=ssl.TLSVersion.TLSv1_2, ciphers=name))}
            assert spoken == {f"ECDHE-{kind}-{s}" for s in (
                "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}, spoken
    with serving() as (at, ca, d):
        url = d.urls[0]
        for version in ("-tls1", "-tls1_1"):
            said = s_client(url, version, "-cipher", "ALL:@SECLEVEL=0")
            assert "alert protocol version" in said and "Cipher is (NONE)" in said, said
        for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            said = s_client(url, version, "-CAfile", ca.path, "-verify_return_error")
            assert f"New, {name}, Cipher is" in said and "return code: 0 (ok)" in said, said
        assert "New, TLSv1.3" in s_client(url)  # preferred
        for suite, good in (("TLS_AES_128_GCM_SHA256", True), ("TLS_AES_256_GCM_SHA384", True),
                            ("TLS_CHACHA20_POLY1305_SHA256", True),
                            ("TLS_AES_128_CCM_SHA256", False),
                            ("TLS_AES_128_CCM_8_SHA256", False)):
            said = s_client(url, "-tls1_3", "-ciphersuites", suite)
            assert (f"Cipher is {suite}" in said) == good, said


def there_is_no_renegotiation_and_no_compression():
    with serving() as (at, ca, d):
        said = s_client(d.urls[0], "-tls1_2", "-comp", input="R\n")
        assert "Compression: NONE" in said, said
        assert "RENEGOTIATING" in said and "no renegotiation" in said, said
        assert call_over_tls(d.urls[0], ca, "add", 1, 2) == 3


def call_over_tls(url, ca, *what, certificate=None):
    with tls_client(url, context(ca, certificate)) as c:
        return c.call(*what)


def other_peoples_clients_call_and_resume_their_sessions():
    with serving() as (at, ca, d):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            how = context(ca, most=version)
            with tls_client(d.urls[0], how) as c:
                assert c.call("add", 1, 2) == 3 and not c.socket.session_reused
                session = c.socket.session
            with tls_client(d.urls[0], how, session) as c:
                assert c.call("add", 1, 2) == 3 and c.socket.session_reused
        # A peer that closes its socket without TLS's word for it, as Python does, is nothing special.
        d.seen("disconnected", count=4)
        assert not [e for e in d.entries() if e["level"] not in ("debug", "info")], d.text_log()


def a_large_answer_arrives_whole():
    with serving() as (at, ca, d):
        text = "x" * (8 << 20)
        assert call_over_tls(d.urls[0], ca, "echo", text) == text


def our_client_trusts_whom_it_is_told_to():
    with serving() as (at, ca, d), place() as other:
        port, stranger = port_in(d.urls[0]), authority(other.path)
        add = ("demo.add", 2, 3)
        for host in ("127.0.0.1", "localhost"):
            assert oocrpc("call", f"oocrpcs://{host}:{port}", *add, "--tls-ca", ca.path) == \
                (0, "5\n", "")
        url = d.urls[0]
        assert oocrpc("call", url, *add, OOCRPC_TLS_CA=str(ca.path)) == (0, "5\n", "")
        assert oocrpc("call", f"mongodb://127.0.0.1:{port}/demo?tls=true&tlsCAFile={ca.path}",
                      *add) == (0, "5\n", "")
        code, _, said = oocrpc("call", url, *add)
        assert code == 69 and said == (
            f"oocrpc: unavailable: {url}: TLS: the certificate is not accepted: "
            "unable to get local issuer certificate\n"), said
        code, _, said = oocrpc("call", url, *add, "--tls-ca", stranger.path)
        assert code == 69 and "the certificate is not accepted" in said, said
        code, _, said = oocrpc("call", url, *add, "--tls-ca", "/no/ca.pem")
        assert code == 64 and "cannot read '/no/ca.pem': No such file or directory" in said, said
        code, _, said = oocrpc("call", url, *add, "--tls-key", ca.key)
        assert code == 64 and "has no certificate" in said, said
    with serving(names="DNS:elsewhere.example") as (at, ca, d):
        code, _, said = oocrpc("ping", d.urls[0], "--tls-ca", ca.path)
        assert code == 69 and said == (
            f"oocrpc: unavailable: {d.urls[0]}: TLS: the certificate is for "
            "DNS:elsewhere.example, not for 127.0.0.1\n"), said
        assert reason(d) == "TLS: the peer refuses: bad certificate"


def certificates_of_clients_are_asked_for_as_told():
    with place() as at:
        ca = authority(at.path)
        own, ada = ca.issue("server"), ca.issue("ada")
        eve = authority(at.path, "another CA").issue("eve")
        for whether in ("off", "optional", "required"):
            with at.foreground("demo", "--listen", SECURE, "--tls-certificate", own, "--tls-ca",
                               ca.path, "--tls-client-certificates", whether) as d:
                with_ada = ("--tls-ca", ca.path, "--tls-certificate", ada)
                assert oocrpc("call", d.urls[0], "demo.add", 2, 3, *with_ada) == (0, "5\n", "")
                code, out, said = oocrpc("call", d.urls[0], "demo.add", 2, 3, "--tls-ca", ca.path)
                assert (code, out) == ((77, "") if whether == "required" else (0, "5\n")), said
                if whether == "required":
                    assert said == ("oocrpc: unauthenticated: TLS: the peer refuses: "
                                    "certificate required\n"), said
                    assert reason(d) == "TLS: peer did not return a certificate"
                code, out, said = oocrpc("call", d.urls[0], "demo.add", 2, 3, "--tls-ca", ca.path,
                                         "--tls-certificate", eve)
                assert (code == 0) == (whether == "off"), said
            at.log.unlink()


def files_with_new_contents_are_for_new_connections():
    with serving() as (at, ca, d):
        how = context(ca)
        with tls_client(d.urls[0], how) as before:
            old = before.socket.getpeercert()["serialNumber"]
            assert before.call("add", 1, 2) == 3
            assert d.reload()["fields"] == {}  # the same as before
            ca.issue("server")
            said = d.reload()
            assert said["message"] == "reloaded" and said["fields"] == {"renewed": "demo"}, said
            with tls_client(d.urls[0], how) as after:
                new = after.socket.getpeercert()["serialNumber"]
                assert new != old and after.call("add", 1, 2) == 3
            assert before.call("add", 1, 2) == 3
            # What cannot be used is refused as a whole, and says why.
            own = at.path / "server.pem"
            good = own.read_text()
            certificate = good[:good.index("-----BEGIN PRIVATE")]
            strange = ca.issue("strange").read_text()
            key = strange[strange.index("-----BEGIN PRIVATE"):]
            for text, why in ((certificate + key, "does not match the certificate"),
                              ("nothing", "holds no certificate in PEM"),
                              (certificate, "holds no private key in PEM")):
                own.write_text(text)
                said = d.reload()
                assert said["message"].startswith("reload refused"), said
                assert why in said["fields"]["reason"], said
            own.unlink()
            assert "No such file" in d.reload()["fields"]["reason"]
            with tls_client(d.urls[0], how) as after:
                assert after.socket.getpeercert()["serialNumber"] == new
            own.write_text(good)
            own.chmod(0o644)
            assert "every user of this machine can read the key" in d.reload()["fields"]["reason"]
            own.chmod(0o600)
            assert d.reload()["fields"] == {}
            assert before.call("add", 1, 2) == 3
        assert not d.entries("stopped")


def who_stalls_is_closed_in_time_and_disturbs_nobody():
    with serving() as (at, ca, d):
        stalled = [socket.create_connection(("127.0.0.1", port_in(d.urls[0])), 20)
                   for _ in range(20)]
        stalled[1].sendall(b"\x16\x03\x01\x02\x00\x01")
        assert call_over_tls(d.urls[0], ca, "add", 1, 2) == 3
        for s in stalled:
            with s:
                assert s.recv(100) == b""
        d.seen("handshake failed", count=20)
        assert {e["fields"]["reason"] for e in d.entries("handshake failed")} == \
            {"TLS: no handshake within 5000 ms"}


def the_time_of_a_handshake_is_an_option():
    with serving("--handshake-timeout", "200ms") as (at, ca, d):
        with socket.create_connection(("127.0.0.1", port_in(d.urls[0])), 20) as s:
            assert s.recv(100) == b""
        assert reason(d) == "TLS: no handshake within 200 ms"


def what_is_no_tls_is_closed_and_named():
    with serving() as (at, ca, d):
        for data, why in ((b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                           "the peer sent an HTTP request in plain text"),
                          (frame({"info": {"ping": 1}}), "the peer does not speak TLS"),
                          (b"\x16\x03\x01\x40\x00" + bytes(100), None),
                          (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00" * 3, None), (b"", None)):
            before = len(d.entries("handshake failed"))
            with socket.create_connection(("127.0.0.1", port_in(d.urls[0])), 20) as s:
                s.sendall(data)
                if not data:
                    s.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    while s.recv(1000):
                        pass
            said = reason(d, before + 1)
            assert said.startswith("TLS: ") and said.endswith(why or ""), said
            assert "unknown" not in said, said
        assert call_over_tls(d.urls[0], ca, "add", 1, 2) == 3


def a_flood_of_handshakes_that_fail_is_one_line_a_second():
    def nothing():
        with socket.create_connection(("127.0.0.1", port_in(d.urls[0])), 20) as s:
            s.sendall(b"nothing of TLS")
            with contextlib.suppress(ConnectionResetError):
                while s.recv(1000):
                    pass
    with place() as at:
        own = authority(at.path).issue("server")
        with at.foreground("demo", "--listen", SECURE, "--tls-certificate", own) as d:
            for e in d.flood("handshake failed", nothing):
                assert e["fields"]["reason"].startswith("TLS: "), e


def one_port_takes_both_only_where_it_is_told_to():
    with serving("--tls-optional") as (at, ca, d):
        assert call(d.urls[0].replace("oocrpcs", "oocrpc"), "add", 1, 2) == 3
        assert call_over_tls(d.urls[0], ca, "add", 1, 2) == 3
    with serving() as (at, ca, d):
        try:
            call(d.urls[0].replace("oocrpcs", "oocrpc"), "add", 1, 2)
            assert False
        except (EOFError, ConnectionResetError):
            pass


def what_is_wrong_with_the_options_is_one_line():
    with place() as at:
        ca = authority(at.path)
        own, other = ca.issue("server"), ca.issue("other")
        tls = ("demo", "--listen", SECURE)
        assert refused(64, *tls) == \
            f"oocrpcd: demo: tls-certificate: it is needed to listen on {SECURE}"
        assert refused(64, *demo("--tls-certificate", own)).startswith(
            "oocrpcd: demo: tls-certificate: no listener is encrypted")
        assert refused(64, *tls, "--tls-certificate", own, "--tls-client-certificates",
                       "required") == "oocrpcd: demo: tls-client-certificates: they need tls-ca"
        assert refused(78, *tls, "--tls-certificate", own, "--tls-key", other) == \
            f"oocrpcd: demo: the key '{other}' does not match the certificate '{own}'"
        assert refused(78, *tls, "--tls-certificate", "/no/server.pem") == \
            "oocrpcd: demo: cannot read '/no/server.pem': No such file or directory"
        # --check reads the files, too.
        app = at.write("app.toml", component("a", "demo", SECURE, tls_certificate=own,
                                             tls_key=other))
        assert "does not match the certificate" in refused(78, "--check", app)


def the_proxy_encrypts_on_both_sides():
    with place() as at, place() as inner:
        ca = authority(at.path)
        own, proxy = ca.issue("server"), ca.issue("proxy")
        strict = ("--tls-ca", ca.path, "--tls-client-certificates", "required")
        with inner.foreground("demo", "--listen", SECURE, "--tls-certificate", own,
                              *strict) as upstream:
            with at.foreground("proxy", "--listen", SECURE, "--upstream", upstream.urls[0],
                               "--tls-certificate", own, "--upstream-tls-ca", ca.path,
                               "--upstream-tls-certificate", proxy) as d:
                assert call_over_tls(d.urls[0], ca, "demo.add", 1, 2) == 3
                port = port_in(d.urls[0])
                assert oocrpc("call", f"mongodb://127.0.0.1:{port}/demo?tls=true&"
                              f"tlsCAFile={ca.path}", "add", 1, 2) == (0, "3\n", "")
    done = subprocess.run([PROXY, "--listen", "oocrpc://127.0.0.1:0", "--upstream",
                           "oocrpcs://127.0.0.1:1", "--upstream-tls-ca", "/no/ca.pem"],
                          capture_output=True, text=True, timeout=60, env=PLAIN)
    assert done.returncode == 64 and "cannot read '/no/ca.pem'" in done.stderr, done


main([
    only_new_versions_and_suites_with_authentication_are_spoken,
    there_is_no_renegotiation_and_no_compression,
    other_peoples_clients_call_and_resume_their_sessions,
    a_large_answer_arrives_whole,
    our_client_trusts_whom_it_is_told_to,
    certificates_of_clients_are_asked_for_as_told,
    files_with_new_contents_are_for_new_connections,
    who_stalls_is_closed_in_time_and_disturbs_nobody,
    the_time_of_a_handshake_is_an_option,
    what_is_no_tls_is_closed_and_named,
    a_flood_of_handshakes_that_fail_is_one_line_a_second,
    one_port_takes_both_only_where_it_is_told_to,
    what_is_wrong_with_the_options_is_one_line,
    the_proxy_encrypts_on_both_sides,
])
