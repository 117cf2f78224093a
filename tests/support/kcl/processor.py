"""A reader of one shard for the Kinesis Client Library: writes all that happens to it into a diary.

A process of its own for each shard, which speaks to the library by its standard streams; the diary is
a file for each process in the directory that DIARY names. What stands in it is for others to judge.
"""

import os
import time

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor

# Later than each batch, so that a reader that dies has read more than is noted.
CHECKPOINT_SECONDS = 2.0


def place_of(record):
    """As in 495..74/3: three records came before it in the same aggregate."""
    part = record.sub_sequence_number
    return f"{record.sequence_number}/{part}" if part else str(record.sequence_number)


class Diarist(processor.RecordProcessorBase):
    def __init__(self, diary):
        self.diary = diary
        self.shard = "?"
        self.last = None
        self.noted = None
        self.noted_at = time.monotonic()

    def write(self, *lines):
        now = int(time.time() * 1_000)
        text = "".join(f"{now} {self.shard} {line}\n" for line in lines)
        self.diary.write(text)
        self.diary.flush()

    def initialize(self, start):
        self.shard = start.shard_id
        self.write("began")

    def process_records(self, batch):
        records = batch.records
        self.write(
            *(f"read {place_of(one)} {one.partition_key} {one.binary_data.hex()}" for one in records)
        )
        if records:
            self.last = records[-1]
        if time.monotonic() - self.noted_at >= CHECKPOINT_SECONDS:
            self.checkpoint(batch.checkpointer)

    def checkpoint(self, checkpointer):
        if self.last is self.noted:
            return
        try:
            checkpointer.checkpoint(self.last.sequence_number, self.last.sub_sequence_number)
        except kcl.CheckpointError as error:
            self.write(f"refused {error.value}")
            return
        self.noted, self.noted_at = self.last, time.monotonic()
        self.write(f"noted {place_of(self.last)}")

    def shutdown_requested(self, request):
        self.write("asked")
        self.checkpoint(request.checkpointer)

    def lease_lost(self, _):
        self.write("left")

    def shard_ended(self, end):
        # Before it is noted: the shards that follow may begin at once.
        self.write("ended", "left")
        end.checkpointer.checkpoint()


with open(os.path.join(os.environ["DIARY"], str(os.getpid())), "w") as diary:
    kcl.KCLProcess(Diarist(diary)).run()
