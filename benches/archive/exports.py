"""What the commands of reports cost on a large archive: CPU and wall time, and the most memory that was resident,
each command in a process of its own. The archive is a simulated day, made once by the real program; all that
regulators want to be told of vehicles and rides is in a registry.

Usage: exports.py PROGRAMS DIRECTORY [PINGS]; PROGRAMS is where `cargo build --release --workspace --bins` puts them.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

START_MS, DAY = 1773100800000, "2026-03-10"  # Midnight of UTC.
EVERY_S = 5
INGEST = "127.0.0.1:18080"
REPORTS = (
    ("mds", DAY),
    ("mds", f"{DAY}T12"),
    ("chicago-tnp", DAY),
    ("cpuc", DAY),
    ("sf-taxi", DAY),
    ("nyc-hvfhv", DAY),
)
JURISDICTIONS = """
[jurisdictions.here]
company = "acme"
time_zone = "UTC"
[jurisdictions.here.facts]
provider_id = "c3d4e5f6-0000-4000-8000-000000000001"
tncid = "TNC-1"
hvfhs_license_num = "HV0003"
"""
ZONES = ("block", "zip", "tract", "taxi")
ZONE = """
[jurisdictions.here.zones.{}]
file = "zones.geojson"
id = "name"
outside = "0"
"""
SQUARE = """{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"1"},"geometry":
{"type":"Polygon","coordinates":[[[-122.42,37.6],[-122.2,37.6],[-122.2,37.9],[-122.42,37.9],[-122.42,37.6]]]}}]}"""
# The ids are read by another process: what it needs of memory would count as that of the commands.
REGISTRY = """
import sys, duckdb
archive, vehicles, drivers, rides = sys.argv[1:]
duckdb.execute("SET memory_limit = '4GB'")
def write(table, ids, facts, to):
    files = f"read_parquet('{archive}/{table}/*/*/*.parquet', hive_partitioning = false)"
    duckdb.execute(f"COPY (SELECT DISTINCT fleet_id, {ids}, {facts} FROM {files} WHERE {ids} IS NOT NULL) TO '{to}'")
write("trips", "vehicle_id", "'P-1' placard, 'AB 123' plate, 'VIN' vin, 'make' make, 'model' model, 2024 AS year, "
      "'car' vehicle_type, 'hybrid' propulsion_types, 'B1' dispatching_base_num", vehicles)
write("trips", "driver_id", "'L-1' license_number, 'IL' license_state", drivers)
write("trips", "ride_id", "'private' trip_type, 'app' hail_type, 2 passenger_count, '2026-03-10T00:00:00Z' requested, "
      "'2026-03-10T00:10:00Z' quoted_start, 'credit_card' payment_type, 'meter_fare' fare_type", rides)
"""


def main(programs, directory, pings="50000000"):
    programs, directory = pathlib.Path(programs).resolve(), pathlib.Path(directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    archiver, pings = str(programs / "archiver"), int(pings)
    if not pathlib.Path("made").exists():
        make(str(programs / "hansom"), pings)
        told(archiver)
        pathlib.Path("made").touch()
    archive = ("--archive", f"file://{directory}/data/archive")
    print(f"{'':32}{'CPU, us a ping':>16}{'seconds':>10}{'peak, MB':>10}")
    archive_of(directory / "small", directory / "data" / "archive")
    reports(archiver, archive, pings, "many files")
    measured("compact", pings, archiver, "compact", *archive, "--before", "2026-03-12T00:00:00Z")
    reports(archiver, archive, pings, "compacted")
    measured("audit --deep", pings, archiver, "audit", *archive, "--period", DAY, "--deep")


def archive_of(kept, archive):
    """Puts the archive back as it was made, by links."""
    if not kept.exists():
        shutil.copytree(archive, kept, copy_function=os.link)
    shutil.rmtree(archive)
    shutil.copytree(kept, archive, copy_function=os.link)


def make(hansom, pings):
    """Lets a fleet drive for a day."""
    vehicles = pings * EVERY_S // 86_400
    run = [hansom, "run", "--insecure-demo", "--data", "data", "--listen", INGEST, "--live", "127.0.0.1:0"]
    run += ["--admin", "127.0.0.1:0", "--max-behind", "36500d", "--learning", "off"]
    with open("hansom.log", "w") as log:
        program = subprocess.Popen(run, stderr=log)
    while not is_listening():
        if program.poll() is not None:
            sys.exit("hansom.log says why it did not start")
        time.sleep(0.1)
    simulate = [hansom, "simulate", "--to", f"http://{INGEST}", "--vehicles", str(vehicles), "--rate", "0"]
    simulate += ["--interval", f"{EVERY_S}s", "--pings", str(pings), "--start", str(START_MS)]
    subprocess.run(simulate, check=True)
    program.send_signal(signal.SIGTERM)
    if program.wait() != 0:
        sys.exit("hansom.log says why it did not end well")


def is_listening():
    host, port = INGEST.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def told(archiver):
    """Writes what is told beside the archive."""
    files = ("vehicles.csv", "drivers.csv", "rides.csv")
    subprocess.run([sys.executable, "-c", REGISTRY, "data/archive", *files], check=True)
    pathlib.Path("jurisdictions.toml").write_text(JURISDICTIONS + "".join(ZONE.format(zone) for zone in ZONES))
    pathlib.Path("zones.geojson").write_text(SQUARE)
    pathlib.Path("secret").write_text("s" * 32)
    subprocess.run([archiver, "key", "--private", "private.jwk", "--public", "public.jwk"], check=True)


def reports(archiver, archive, pings, of):
    for profile, period in REPORTS:
        flags = ["--out", f"file://{os.getcwd()}/out", "--profile", profile, "--period", period, "--jurisdiction", "here"]
        flags += ["--key", "private.jwk", "--secret", "secret", "--submission-date", "2026-04-01"]
        for file in ("vehicles.csv", "drivers.csv", "rides.csv"):
            flags += ["--registry", file]
        share = pings // 24 if "T" in period else pings
        measured(f"{profile} {period}, {of}", share, archiver, "export", *archive, *flags)
        if (profile, period) == ("mds", DAY):
            measured("verify it", pings, archiver, "verify", f"file://{os.getcwd()}/out", "--key", "public.jwk")
        # A day of MDS has 20 GB.
        shutil.rmtree("out")


def measured(name, pings, *command):
    begun = time.monotonic()
    with open("commands.log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    said = "" if status == 0 else "  failed: see commands.log"
    cpu = (used.ru_utime + used.ru_stime) * 1e6 / pings
    print(f"{name:32}{cpu:16.2f}{seconds:10.1f}{used.ru_maxrss / 1024:10.0f}{said}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
