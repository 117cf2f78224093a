"""What the ten queries should say, computed from the archive's rows by plain loops. It knows no SQL, and
each function says again in its own words what its query's comment says.
"""

import collections
import itertools
import math

import pyarrow as pa
import pyarrow.parquet as pq

DAY, HOURS, FLEET = "2026-01-15", (7, 8, 9), "default"
VEHICLE, RIDE = "cab-00007", "cab-00007-1768460400000-3"
METRES_A_DEGREE = 111_195


def read(archive, table):
    """The fleet's rows of the day as dictionaries, times as Unix ms, with the hour of their partition."""
    rows = []
    for file in sorted(archive.glob(f"{table}/dt={DAY}/hour=*/*.parquet")):
        hour = int(file.parent.name.removeprefix("hour="))
        found = pq.ParquetFile(file).read()
        whole = [field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in found.schema]
        rows += [row | {"hour": hour} for row in found.cast(pa.schema(whole)).to_pylist()]
    return [row for row in rows if row["fleet_id"] == FLEET]


def expected(archive):
    """The rows of each query, by its name."""
    pings = sorted(read(archive, "pings"), key=lambda row: (row["vehicle_id"], row["time"], row["epoch"], row["seq"]))
    events = read(archive, "ride_events")
    latest = {}
    for trip in sorted(read(archive, "trips"), key=lambda trip: trip["version"]):
        latest[trip["ride_id"], trip["vehicle_id"]] = trip
    trips = list(latest.values())
    sample = [ping for ping in pings if ping["hour"] in HOURS]
    return {
        "01_busiest_hours": busiest_hours(trips),
        "02_empty_miles": empty_miles(sample),
        "03_time_to_pickup_by_zone": time_to_pickup(trips),
        "04_waiting_at_pickup": waiting(trips),
        "05_ride_replay": replay(sample),
        "06_vehicle_day": stretches([ping for ping in pings if ping["vehicle_id"] == VEHICLE]),
        "07_eta_error": eta_error(trips, events),
        "08_cancellations": cancellations(trips),
        "09_late_pings": late(sample),
        "10_silent_vehicles": silent(sample),
    }


def busiest_hours(trips):
    rows = []
    for hour, group in grouped(trips, lambda trip: trip["hour"]):
        outcomes = collections.Counter(trip["outcome"] for trip in group)
        vehicles = {trip["vehicle_id"] for trip in group}
        driven = sum(trip["duration_s"] for trip in group) / 3600
        rows.append((DAY, hour, outcomes["completed"], outcomes["cancelled"], len(vehicles), driven))
    return sorted(rows, key=lambda row: (-row[2], row[1]))


def empty_miles(pings):
    metres = collections.defaultdict(float)
    for before, ping in itertools.pairwise(pings):
        if before["vehicle_id"] != ping["vehicle_id"]:
            continue
        seconds = (ping["time"] - before["time"]) / 1000
        north = (ping["lat_e7"] - before["lat_e7"]) / 1e7
        east = (ping["lng_e7"] - before["lng_e7"]) / 1e7 * math.cos(math.radians(ping["lat_e7"] / 1e7))
        step = math.hypot(north, east) * METRES_A_DEGREE
        if seconds <= 60 and step <= 70 * seconds:
            metres[ping["state"]] += step
    rows = [(state, length / 1000, 100 * length / sum(metres.values())) for state, length in metres.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def time_to_pickup(trips):
    cells = collections.defaultdict(list)
    for trip in trips:
        if trip["picked_up_at"] is None or trip["assigned_at"] is None or trip["pickup_lat_e7"] is None:
            continue
        if trip["picked_up_at"] >= trip["assigned_at"]:
            cell = trip["pickup_lat_e7"] // 100_000 / 100, trip["pickup_lng_e7"] // 100_000 / 100
            cells[cell].append((trip["picked_up_at"] - trip["assigned_at"]) / 1000)
    rows = [(*cell, len(times), rank(times, 0.5), rank(times, 0.9)) for cell, times in cells.items() if len(times) >= 3]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


def waiting(trips):
    rows = []
    waited = [trip for trip in trips if trip["arrived_at"] is not None and trip["picked_up_at"] is not None]
    for hour, group in grouped(waited, lambda trip: trip["hour"]):
        times = [trip["waiting_s"] for trip in group]
        long = sum(time > 120 for time in times)
        rows.append((DAY, hour, len(times), sum(times) / len(times), rank(times, 0.9), 100 * long / len(times)))
    return rows


def replay(pings):
    return [
        (
            ping["time"],
            ping["lat_e7"] / 1e7,
            ping["lng_e7"] / 1e7,
            None if ping["speed_cm_s"] is None else ping["speed_cm_s"] / 100,
            None if ping["heading_cdeg"] is None else ping["heading_cdeg"] / 100,
            ping["state"],
        )
        for ping in pings
        if ping["vehicle_id"] == VEHICLE and ping["ride_id"] == RIDE
    ]


def stretches(pings):
    rows = []
    for (state, ride), group in itertools.groupby(pings, lambda ping: (ping["state"], ping["ride_id"])):
        group = list(group)
        speeds = [ping["speed_cm_s"] for ping in group if ping["speed_cm_s"] is not None]
        fastest = max(speeds) / 100 if speeds else None
        rows.append((group[0]["time"], group[-1]["time"], state, ride, len(group), fastest))
    return rows


def eta_error(trips, events):
    plans, rerouted = {}, set()
    for event in sorted(events, key=lambda event: event["time"]):
        ride = event["ride_id"], event["vehicle_id"]
        if event["kind"] == "rerouted":
            rerouted.add(ride)
        if event["kind"] == "assigned" and event["route_duration_s"]:
            plans[ride] = event["route_duration_s"]
    rows = []
    for hour, group in grouped(trips, lambda trip: trip["hour"]):
        errors = []
        for trip in group:
            ride = trip["ride_id"], trip["vehicle_id"]
            if trip["outcome"] == "completed" and ride in plans and ride not in rerouted:
                errors.append((trip["duration_s"] - plans[ride], plans[ride]))
        late = sum(error > 0.2 * planned for error, planned in errors)
        mean = sum(error for error, _ in errors) / len(errors)
        size = sum(abs(error) for error, _ in errors) / len(errors)
        rows.append((DAY, hour, len(errors), mean, size, 100 * late / len(errors)))
    return rows


def cancellations(trips):
    rows = []
    for hour, group in grouped(trips, lambda trip: trip["hour"]):
        by = lambda trip: "nobody" if trip["outcome"] == "completed" else trip["cancelled_by"]
        for who, rides in grouped(group, by):
            arrived = sum(trip["arrived_at"] is not None for trip in rides)
            times = [(trip["ended_at"] - trip["assigned_at"]) / 1000 for trip in rides if trip["assigned_at"] is not None]
            mean = sum(times) / len(times) if times else None
            rows.append((DAY, hour, who, len(rides), 100 * len(rides) / len(group), arrived, mean))
    return rows


def late(pings):
    rows = []
    for (hour, protocol), group in grouped(pings, lambda ping: (ping["hour"], ping["protocol"])):
        delays = [(ping["received_at"] - ping["time"]) / 1000 for ping in group]
        over = [sum(delay >= limit for delay in delays) for limit in (5, 60, 3600)]
        ahead = sum(delay < 0 for delay in delays)
        rows.append((DAY, hour, protocol, len(delays), ahead, *over, sum(delays) / len(delays), max(delays)))
    return rows


def silent(pings):
    rows = []
    for vehicle, group in grouped(pings, lambda ping: ping["vehicle_id"]):
        names = {}
        for ping in group:
            name = ping["epoch"], ping["seq"]
            names[name] = min(ping["time"], names.get(name, ping["time"]))
        times = sorted(names.values())
        silences = [(later - time) / 1000 for time, later in itertools.pairwise(times)]
        counts = collections.defaultdict(list)
        for epoch, seq in names:
            counts[epoch].append(seq)
        missing = sum(max(seqs) - min(seqs) + 1 - len(seqs) for epoch, seqs in counts.items() if epoch)
        over = sum(silence > 60 for silence in silences)
        longest = max(silences, default=None)
        rows.append((vehicle, len(group), len(group) - len(names), missing, longest, over))
    return sorted(rows, key=lambda row: (-(row[4] or 0), row[0]))


def grouped(rows, key):
    """The rows of each key, keys in order."""
    return [(one, list(group)) for one, group in itertools.groupby(sorted(rows, key=key), key)]


def rank(values, share):
    """The least value that so many are not above."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]
