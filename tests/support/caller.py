"""Calls Hansom by gRPC as a customer's server would: with Google's client, generated from the .proto file.

Arguments: folder of the .proto file, address, API key, pings to send. Prints what it was told as JSON.
"""
import json
import queue
import sys
import time

folder, address, key, count = sys.argv[1:]
sys.path.insert(0, folder)

import grpc  # noqa: E402

messages, services = grpc.protos_and_services("hansom.proto")
channel = grpc.insecure_channel(address)
ingest = services.IngestStub(channel)


def ping(seq):
    return messages.Ping(
        vehicle_id="cab-1", epoch=1, seq=seq, time_ms=int(time.time() * 1000), lat_e7=377700000, lng_e7=-1224200000
    )


def call(batches, key):
    """What a call is told that sends each batch once the one before is acknowledged."""
    waiting = queue.Queue()
    waiting.put(batches[0])
    metadata = [("authorization", f"Bearer {key}")] if key else []
    answers = ingest.Stream(iter(waiting.get, None), metadata=metadata, timeout=60)
    acks = []
    try:
        for ack in answers:
            acks.append([ack.items, ack.vehicle_id, ack.epoch, ack.seq, len(ack.rejected)])
            waiting.put(batches[len(acks)] if len(acks) < len(batches) else None)
    except grpc.RpcError as error:
        waiting.put(None)
        return {"acks": acks, "code": error.code().name}
    return {"acks": acks, "code": answers.code().name}


good = [messages.PingBatch(pings=[ping(seq), ping(seq + 1)]) for seq in range(1, int(count), 2)]
bad = messages.Ping(vehicle_id="cab-1", epoch=1, seq=9, time_ms=1, lat_e7=950000000)
large = messages.PingBatch(pings=[ping(seq) for seq in range(10_000)])
print(
    json.dumps(
        {
            "good": call(good, key),
            "bad": call([messages.PingBatch(pings=[bad])], key),
            "large": call([large], key),
            "nobody": call(good[:1], None),
        }
    )
)
