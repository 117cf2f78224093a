# Signs the exports of a directory anew as another's implementation does (joserfc), with the private
# key that `archiver key` made: each link of `DIR/_chain` gets another signature of the same payload.
import base64
import json
import pathlib
import sys

from joserfc import jwk, jws

chain = pathlib.Path(sys.argv[1]) / "_chain"
key = jwk.OKPKey.import_key(json.loads(pathlib.Path(sys.argv[2]).read_text()))
signed_at = int(sys.argv[3])
registry = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
for path in chain.iterdir():
    payload = json.loads(path.read_bytes())["payload"]
    payload = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    header = {"alg": "EdDSA", "kid": key.kid, "iat": signed_at, "typ": "hansom-export+json"}
    link = jws.serialize_json({"protected": header}, payload, key, registry=registry)
    path.write_text(json.dumps(link))
