# Signs tokens as another's implementation does (joserfc): the keys of an identity provider, as a
# JWKS, and a token for each line of what is wanted, `name|kid|algorithm|claims`, as JSON on stdout.
# It knows nothing of what the server makes of them.
import base64
import hmac
import json
import sys

from joserfc import jwk, jws

keys = {
    "ed": jwk.OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"}),
    "ec": jwk.ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "rsa": jwk.RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
    "new": jwk.ECKey.generate_key("P-256", {"kid": "new", "use": "sig"}),
    "stranger": jwk.OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
algorithms = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256", "HS256", "none"]


def urlsafe(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def sign(kid, algorithm, claims):
    key = keys.get(kid)
    named = "ed" if kid == "stranger" else kid
    header = {"alg": algorithm, "kid": named}
    if algorithm == "HS256":
        # The attack by which a public key becomes the secret of a MAC: no library helps with it.
        parts = [json.dumps(part).encode() for part in (header, json.loads(claims))]
        text = b".".join(urlsafe(part) for part in parts)
        mac = hmac.digest(keys[kid].as_pem(private=False), text, "sha256")
        return (text + b"." + urlsafe(mac)).decode()
    registry = jws.JWSRegistry(algorithms=algorithms)
    return jws.serialize_compact(header, claims, key or jwk.OctKey.import_key("x" * 32), registry=registry)


def public(names):
    return {"keys": [keys[name].as_dict(private=False) for name in names]}


tokens = {}
for line in sys.argv[1].splitlines():
    name, kid, algorithm, claims = line.split("|", 3)
    tokens[name] = sign(kid, algorithm, claims)
print(json.dumps({
    "before": public(["ed", "ec", "rsa"]),
    "after": public(["ed", "ec", "new"]),
    "tokens": tokens,
}))
