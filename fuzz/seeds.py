"""Writes the inputs that fuzzing begins with: for each target what a good client sends, and some of what
a bad one does. It knows no corpus: what is found is kept beside these by libFuzzer."""

import base64
import gzip
import hashlib
import hmac
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
NOW = 1_800_000_000_000


def write(target, **inputs):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in inputs.items():
        content = content if isinstance(content, bytes) else content.encode()
        (folder / f"seed-{name}").write_bytes(content)


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value if isinstance(value, bytes) else value.encode()
    return varint(field << 3 | 2) + varint(len(value)) + value


def fixed(field, value):
    return varint(field << 3 | 5) + struct.pack("<i", value)


def place(lat, lng):
    return fixed(1, lat) + fixed(2, lng)


FULL = {
    "fleet_id": "sf", "vehicle_id": "cab-7", "driver_id": "d.1", "ride_id": "r:9", "epoch": 3, "seq": 300,
    "time_ms": NOW - 250, "lat": 37.7749, "lng": -122.4194, "speed_mps": 12.34, "heading_deg": 271.5,
    "accuracy_m": 4.5, "altitude_m": -3.2, "state": "on_trip",
}
BARE = {"vehicle_id": "c", "time_ms": NOW, "lat": 1, "lng": 2}
OLD = BARE | {"time_ms": NOW - 600_000}
BAD = [BARE | {"lat": 91}, BARE | {"epoch": 1}, BARE | {"time_ms": 0}, {"lat": None}, 7, BARE | {"speed_mps": -1}]
PING = (
    text(1, "sf") + text(2, "cab-7") + text(3, "d.1") + text(4, "r:9") + number(5, 3) + number(6, 300)
    + number(7, NOW - 250) + fixed(8, 377_749_000) + fixed(9, -1_224_194_000) + number(10, 1_234)
    + number(11, 27_150) + number(12, 45) + number(13, 63) + number(14, 5)
)
BARE_PING = text(2, "c") + number(7, NOW) + fixed(8, 10_000_000) + fixed(9, 20_000_000)
BATCH = text(1, PING) + text(1, BARE_PING) + text(1, b"\xff") + text(1, text(2, "a b"))


def pings():
    lines = "\n".join(json.dumps(ping) for ping in [FULL, BARE, OLD, *BAD])
    write(
        "pings_json", full=json.dumps(FULL), bare=json.dumps(BARE), none="[]",
        many=json.dumps([FULL, BARE, OLD, *BAD]), torn=json.dumps([FULL])[:90],
    )
    write("pings_ndjson", few="\x10" + lines, long="\xff" + "x" * 20_000, blank="\x01\n\n\r\n" + json.dumps(BARE))
    write("pings_protobuf", few=BATCH, one=text(1, PING), none=b"")
    zeros = gzip.compress(b"0" * 2_000_000, mtime=0)
    bodies = {0: json.dumps([FULL, BARE]).encode(), 1: lines.encode(), 2: BATCH, 3: b"text"}
    for format, body in bodies.items():
        write(
            "pings_http",
            **{
                f"plain-{format}": bytes([0x60 | format]) + body,
                f"gzip-{format}": bytes([0x64 | format]) + gzip.compress(body, mtime=0),
                f"zstd-{format}": bytes([0x38 | format]) + zstd(body),
                f"br-{format}": bytes([0x4C | format]) + body,
            },
        )
    write("pings_http", gzip_bomb=b"\xc5" + zeros, zstd_bomb=b"\xc9" + zstd_of_one_byte(20))
    write(
        "socket", text="\x00" + json.dumps([FULL, BARE, *BAD]), binary=b"\x01" + BATCH,
        one="\x00" + json.dumps(FULL), rejected=b"\x01" + text(1, b"\xff") * 120, none="\x01",
    )


def zstd(body):
    """A frame of one raw block (RFC 8878)."""
    return struct.pack("<IBI", 0xFD2FB528, 0xA0, len(body)) + struct.pack("<I", len(body) << 3 | 1)[:3] + body


def zstd_of_one_byte(blocks):
    """A frame of blocks of 128 KiB that say four bytes each."""
    block = (1 << 17) << 3 | 2
    body = struct.pack("<I", block)[:3] + b"0"
    last = struct.pack("<I", block | 1)[:3] + b"0"
    return struct.pack("<IBB", 0xFD2FB528, 0, 0x50) + body * (blocks - 1) + last


def ride_events():
    base = {"vehicle_id": "cab-7", "driver_id": "d", "fleet_id": "sf", "time_ms": NOW}
    here, there = {"lat": 37.7, "lng": -122.4}, {"lat": 37.8, "lng": -122.5}
    events = {
        "assigned": {"pickup": here, "dropoff": there, "route": "_p~iF~ps|U_ulLnnqC"},
        "arrived": {}, "picked_up": {}, "rerouted": {"dropoff": there},
        "dropped_off": {"fare": {"minor_units": 1250, "currency": "USD"}}, "cancelled": {"by": "rider"},
    }
    for kind, fields in events.items():
        write("ride_event", **{kind: "r1\n" + json.dumps(base | {"type": kind} | fields)})
    write("ride_event", nowhere="\n{}", torn='r\n{"type":"assigned","pickup":{"lat"')


def apps():
    write(
        "osmand",
        query="id=a&lat=52.5&lon=13.3&timestamp=1799999999&speed=6.1&bearing=90&accuracy=4&altitude=34&driverUniqueId=d\n\n\n",
        form=f"\n\n\nid=a&location=52.5,13.3&timestamp={NOW}&speed_mps=3&heading=1&fleet=sf",
        iso="deviceid=b&lat=1&lon=2&timestamp=2027-01-15T08:00:00Z&valid=true",
        blank="id=b&lat=1&lon=2&timestamp=2027-01-15 08:00:00",
        offset="id=b&lat=1&lon=2&timestamp=2027-01-15T09:00:00 0100",
        json='id=b\n\n\n{"lat":1.5,"lon":2,"valid":false}', nothing="\n\n\n",
    )
    write(
        "gpslogger",
        query="id=a&lat=52.5&lon=13.3&time=2027-01-15T08:00:00.250Z&spd=6.1&dir=90&acc=4&alt=34\n\n\n",
        json='\n\n\n{"aid":"a","lat":"52.5","longitude":13.3,"timestamp":1799999999,"speed":1,"bearing":2}',
        serial="ser=unknown&lat=1&lon=2", half="id=a&lat=1",
    )
    coords = {"latitude": 52.5163, "longitude": 13.3777, "accuracy": 4.2, "speed": 12.34, "heading": 90.5, "altitude": 34.5}
    location = {"timestamp": "2027-01-15T08:00:00.250Z", "coords": coords, "is_moving": True, "uuid": "7E1B9F36", "extras": {}}
    batch = [location, {"event": "heartbeat"}, 7, location | {"timestamp": NOW - 9}, location | {"coords": {}}]
    write(
        "traccar", one="\n\n\n" + json.dumps({"location": location, "device_id": "a"}),
        many="id=q\n\n\n" + json.dumps({"location": batch}), none='id=q\n\n\n{"location":[]}',
        number='\n\n\n{"device_id":7,"location":{"coords":{"latitude":-1,"longitude":"2"}}}',
    )
    message = {"_type": "location", "lat": 52.5, "lon": 13.3, "tst": 1799999999, "acc": 5, "vel": 50, "cog": 90, "alt": 3}
    write(
        "owntracks", query="u=jo&d=phone\n\n\n" + json.dumps(message), headers="\njo\nphone\n" + json.dumps(message),
        topic="\n\n\n" + json.dumps(message | {"topic": "owntracks/jo/phone"}), waypoint='d=a\n\n\n{"_type":"waypoint"}',
        empty="d=a\n\n\n", device="d=a\n\n\n" + json.dumps(message | {"tst": str(NOW)}),
    )


def messages():
    location = json.dumps({"_type": "location", "lat": 52.5, "lon": 13.3, "tst": 1799999999, "vel": 50})
    write(
        "mqtt", owntracks="owntracks/jo/phone\n" + location, waypoint='owntracks/jo/phone/event\n{"_type":"waypoint"}',
        json="hansom/pings/cab-7\n" + json.dumps([FULL, BARE, *BAD]), protobuf=b"hansom/pings/cab-7\n" + BATCH,
        nobody="owntracks/jo\n" + location,
    )


def records():
    ping = text(1, PING + number(15, NOW) + number(16, 2))
    head = text(1, "sf") + text(2, "cab-7") + text(3, "r:9") + text(4, "d") + number(5, NOW) + number(6, NOW)
    here, there = place(377_000_000, -1_224_000_000), place(378_000_000, -1_225_000_000)
    kinds = {
        7: text(1, here) + text(2, there) + text(3, "_p~iF~ps|U_ulLnnqC"), 8: b"", 9: b"", 10: text(1, there),
        11: text(1, number(1, 1250) + text(2, "USD")), 12: number(1, 1),
    }
    write("record", ping=ping, empty=b"", unknown=text(9, b"x"))
    for kind, body in kinds.items():
        write("record", **{f"event-{kind}": text(2, head + text(kind, body))})
    trip = text(1, "sf") + text(2, "r:9") + text(3, "cab-7") + text(4, "d")
    trip += b"".join(number(field, 1) for field in range(5, 12)) + text(12, here) + text(13, there)
    write("record", trip=text(3, trip + b"".join(number(field, 1) for field in range(14, 18))))


def credentials():
    secret = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
    key = f"hansom_0a1b2c3d_{secret}"
    basic = base64.b64encode(f"user:{key}".encode()).decode()
    claims = {
        "aud": "hansom", "iss": "https://id.example", "sub": "phone 7", "exp": 1_800_000_600, "nbf": 1_799_999_999,
        "scope": "openid hansom:write", "fleet": "blue", "vehicle": "cab-1",
    }
    token = signed({"typ": "JWT", "alg": "EdDSA", "kid": "one"}, claims)
    write(
        "authorization", key=f"Bearer {key}", basic=f"Basic {basic}", token=f"Bearer {token}",
        none="Bearer " + signed({"alg": "none", "kid": "one"}, claims), digest="Digest x", wrong=f"bearer {key}x",
        crit="Bearer " + signed({"alg": "EdDSA", "crit": ["b64"]}, claims),
    )
    several = claims | {"aud": ["x", "hansom"], "scope": "hansom:read", "driver": "d"}
    del several["vehicle"]
    write(
        "claims", one=json.dumps(claims), several=json.dumps(several), both=json.dumps(claims | {"ride": "r"}),
        twice=json.dumps(claims)[:-1] + ',"fleet":"red"}', expired=json.dumps(claims | {"exp": 1.5}), none="{}",
    )
    until = 1_800_000_600
    parts = [b"hansom share 1", until.to_bytes(8, "big"), b"blue", b"r1"]
    said = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    mac = hmac.new(b"0123456789abcdef0123456789abcdef", said, hashlib.sha256).digest()
    mac = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    write("share_link", good=f"{until}.{mac}", ended=f"1.{mac}", short=f"{until}.", none="x.y", text="x", long=f"{until}.{mac}A")


def signed(head, claims):
    """A token with a signature of nobody."""
    parts = [json.dumps(head), json.dumps(claims), "s" * 64]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


def shards():
    assigned, picked, dropped = bytes([8, 0, 4, 0, 10, 10]), bytes([11, 0, 4, 0, 10, 10]), bytes([14, 0, 4, 0, 10, 30])
    drive = b"".join(bytes([64, 0, 20, 0, 10, 10 + step]) for step in range(20))
    late = bytes([64, 0, 4, 10, 10, 12])
    write(
        "shard", ride=b"\x05" + assigned + drive + picked + drive + dropped + late, pings=b"\x03" + drive,
        again=b"\x01" + (assigned + picked + dropped) * 5, days=b"\x02" + assigned + bytes([64, 0, 255, 0, 1, 1]) * 5,
        island=b"\x02" + bytes([8, 32, 4, 0, 0, 0]) + bytes([11, 32, 4, 0, 0, 0]) + bytes([64, 32, 90, 0, 0, 1]) * 9,
        moved=b"\x04" + assigned + bytes([8, 1, 9, 0, 10, 10]) + drive + bytes([15, 1, 9, 0, 1, 1]),
    )


for make in (pings, ride_events, apps, messages, records, credentials, shards):
    make()
