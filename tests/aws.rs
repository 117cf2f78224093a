//! The services as separate processes on what stands for AWS, two of each, and something that comes
//! between: see the tests below. Every acked ping is in the bucket once, and rides and trips are
//! those of a run in which nothing failed.

mod frozen;
mod killed;
mod scaled;
mod spooled;

use std::path::{Path, PathBuf};

use crate::support::{
    cloud::{BUCKET, Cloud},
    readers,
    services::{Archive, Counts, Places},
};

/// Leases run out soon and reads come often, so that a test of a minute sees much of it.
const STREAM_OPTIONS: &str = "linger=20ms&poll=50ms&failover=3s";

/// Copies the archive from the bucket.
const COPY: &str = "
import sys
from pyarrow import fs
store = fs.S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                        endpoint_override='http://' + sys.argv[1])
for table in ('pings', 'ride_events', 'trips'):
    fs.copy_files(f'{sys.argv[2]}/archive/{table}', f'{sys.argv[3]}/archive/{table}',
                  source_filesystem=store, destination_filesystem=fs.LocalFileSystem())
";

/// Counts the pings that are archived, and the rides that have trips.
const COUNT: &str = "
import sys
import pyarrow.dataset as dataset
from pyarrow import fs
store = fs.S3FileSystem(access_key='test', secret_key='test', region='us-east-1',
                        endpoint_override='http://' + sys.argv[1])
def of(table): return dataset.dataset(f'{sys.argv[2]}/archive/{table}', filesystem=store, format='parquet')
rides = of('trips').to_table(columns=['fleet_id', 'ride_id']).to_pylist()
print(of('pings').count_rows(), len({(ride['fleet_id'], ride['ride_id']) for ride in rides}))
";

/// The archive in the bucket.
struct Bucket<'a> {
    cloud: &'a Cloud,
    python: PathBuf,
}

impl Archive for Bucket<'_> {
    fn counts(&self) -> Counts {
        let server = self.cloud.moto.address().to_string();
        let found = readers::run(&self.python, COUNT, &[&server, BUCKET]);
        let (pings, rides) = found.split_once(' ').unwrap();
        Counts {
            pings: pings.parse().unwrap(),
            rides: rides.parse().unwrap(),
        }
    }

    fn copy_to(&self, data: &Path) {
        let server = self.cloud.moto.address().to_string();
        let arguments = [&*server, BUCKET, data.to_str().unwrap()];
        readers::run(&self.python, COPY, &arguments);
    }
}

/// Where services are on AWS, with this cache for the processors. Of each kind one reads by calls,
/// and one by fan-out.
fn places(cloud: &Cloud, cache: &str) -> Places {
    let stream = cloud.stream(STREAM_OPTIONS);
    let by_fan_out = format!("{stream}&fanout=fast");
    Places {
        streams: [stream, by_fan_out],
        state: cloud.objects("state"),
        archive: cloud.objects("archive"),
        cache: cache.to_owned(),
        spools: None,
    }
}
