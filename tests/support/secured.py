"""Speaks TLS with Hansom as others do: Python's ssl, and Google's gRPC.

`ask CERTIFICATE INGEST LIVE PROTOS` prints, as JSON, what came of it. `serve CERTIFICATE KEY FILE` serves
a file by https until its input ends, and prints its port.
"""
import hashlib
import http.client
import http.server
import json
import socket
import ssl
import sys
import threading
import time


def context(certificate, *protocols):
    made = ssl.create_default_context(cafile=certificate)
    if protocols:
        made.set_alpn_protocols(protocols)
    return made


def handshake(address, made):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 10) as plain:
        with made.wrap_socket(plain, server_hostname=host) as secured:
            shown = hashlib.sha256(secured.getpeercert(True)).hexdigest()
            return [secured.version(), secured.selected_alpn_protocol(), shown]


def request(address, made, method, path, body=None):
    host, port = address.split(":")
    connection = http.client.HTTPSConnection(host, int(port), context=made, timeout=10)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    return connection.getresponse().status


def attempt(work):
    try:
        return work()
    except Exception as error:
        return type(error).__name__


def ping(seq):
    return {
        "vehicle_id": "cab-1", "epoch": 1, "seq": seq, "time_ms": int(time.time() * 1000),
        "lat": 37.77, "lng": -122.42,
    }


def call(certificate, address, protos):
    sys.path.insert(0, protos)
    import grpc

    messages, services = grpc.protos_and_services("hansom.proto")
    with open(certificate, "rb") as file:
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))
    made = ping(2)
    sent = messages.Ping(
        vehicle_id="cab-1", epoch=1, seq=2, time_ms=made["time_ms"], lat_e7=377700000, lng_e7=-1224200000
    )
    acks = services.IngestStub(channel).Stream(iter([messages.PingBatch(pings=[sent])]), timeout=30)
    return [ack.seq for ack in acks]


def ask(certificate, ingest, live, protos):
    old = context(certificate)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    host, port = ingest.split(":")
    plain = http.client.HTTPConnection(host, int(port), timeout=10)

    def plainly():
        plain.request("POST", "/v1/pings", json.dumps(ping(9)), {"Content-Type": "application/json"})
        return plain.getresponse().status

    body = json.dumps(ping(1))
    return {
        "http2": handshake(ingest, context(certificate, "h2", "http/1.1")),
        "http1": handshake(ingest, context(certificate, "http/1.1")),
        "posted": request(ingest, context(certificate), "POST", "/v1/pings", body),
        "called": call(certificate, ingest, protos),
        "read": request(live, context(certificate), "GET", "/v1/rides"),
        "untrusted": attempt(lambda: handshake(ingest, ssl.create_default_context())),
        "old": attempt(lambda: handshake(ingest, old)),
        "plain": attempt(plainly),
    }


def serve(certificate, key, path):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with open(path, "rb") as file:
                body = file.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    server.socket = made.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


verb, *arguments = sys.argv[1:]
if verb == "serve":
    serve(*arguments)
else:
    print(json.dumps(ask(*arguments)))
