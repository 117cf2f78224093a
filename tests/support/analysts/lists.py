"""The lists of an archive: which files an hour of a table has. Nothing here reads a file of rows."""

import pathlib


def read(archive, table):
    """The files of each hour, by the hour's (dt, hour)."""
    hours = {}
    for file in sorted(pathlib.Path(archive).glob(f"tables/{table}/dt=*/hour=*/files.txt")):
        dt, hour = (part.split("=")[1] for part in file.parts[-3:-1])
        uris = file.read_text().splitlines()
        assert uris == sorted(set(uris)), f"{file} is not sorted, or repeats a line"
        hours[dt, int(hour)] = [pathlib.Path(uri.removeprefix("file://")) for uri in uris]
    return hours


def write_where_missing(archive):
    """Writes a list for each hour of an archive that has none."""
    archive = pathlib.Path(archive).resolve()
    if (archive / "tables").exists():
        return
    for hour in sorted(archive.glob("[a-z]*/dt=*/hour=*")):
        # As it is: Hive takes no %3D for the = of a partition.
        uris = sorted(f"file://{file}" for file in hour.glob("*.parquet"))
        to = archive / "tables" / hour.relative_to(archive)
        to.mkdir(parents=True, exist_ok=True)
        (to / "files.txt").write_text("".join(f"{uri}\n" for uri in uris))
