"""SCRAM-SHA-256 (RFC 5802, RFC 7677) as a client, over the native protocol: standard library only."""
import base64
import hashlib
import hmac
import os


def log_in(client, user, password):
    """Logs in on a connection of oocrpc_base; remote_error where it is refused."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    name = user.replace("=", "=3D").replace(",", "=2C")
    first_bare = f"n={name},r={nonce}"
    answer = client.call("oocrpc.sasl_start", "SCRAM-SHA-256", "n,," + first_bare)
    parts = dict(p.split("=", 1) for p in answer["payload"].split(","))
    assert parts["r"].startswith(nonce) and not answer["done"], answer
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]),
                                 int(parts["i"]))
    without_proof = f"c=biws,r={parts['r']}"
    signed = f"{first_bare},{answer['payload']},{without_proof}".encode()

    def mac(key, text):
        return hmac.new(key, text, "sha256").digest()

    key = mac(salted, b"Client Key")
    signature = mac(hashlib.sha256(key).digest(), signed)
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    answer = client.call("oocrpc.sasl_continue", f"{without_proof},p={proof}")
    theirs = base64.b64encode(mac(mac(salted, b"Server Key"), signed)).decode()
    assert answer == {"payload": f"v={theirs}", "done": True}, answer
