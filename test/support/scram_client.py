"""SCRAM-SHA-256 (RFC 5802, RFC 7677) as a client, over whatever carries it: standard library only."""
import base64
import hashlib
import hmac
import os


def log_in(exchange, user, password):
    """Logs in. `exchange(payload, starts)` sends a message, the first one where it `starts`, and
    returns the server's; what it throws is a refusal."""
    nonce = base64.b64encode(os.urandom(18)).decode()
    name = user.replace("=", "=3D").replace(",", "=2C")
    first_bare = f"n={name},r={nonce}"
    first = exchange("n,," + first_bare, True)
    parts = dict(p.split("=", 1) for p in first.split(","))
    assert parts["r"].startswith(nonce), first
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]),
                                 int(parts["i"]))
    without_proof = f"c=biws,r={parts['r']}"
    signed = f"{first_bare},{first},{without_proof}".encode()

    def mac(key, text):
        return hmac.digest(key, text, "sha256")

    key = mac(salted, b"Client Key")
    signature = mac(hashlib.sha256(key).digest(), signed)
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    last = exchange(f"{without_proof},p={proof}", False)
    theirs = base64.b64encode(mac(mac(salted, b"Server Key"), signed)).decode()
    assert last == f"v={theirs}", last
