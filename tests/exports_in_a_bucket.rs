//! Exports from a bucket to a bucket that encrypts and locks, over a network that fails at times: they hold
//! what exports of a disk hold, are verified there, and boto3 sees that they are encrypted and locked.

use faults::Plan;

use crate::support::{
    moto::Moto,
    office::{DAY, HOUR, Office, START_MS, archiver, check, check_refused},
    readers,
};

/// Writes every object below a prefix to a directory, and prints how each is encrypted and locked.
const FETCH: &str = "
import pathlib, sys, boto3
address, directory = sys.argv[1:]
bucket = boto3.resource('s3', endpoint_url='http://' + address, region_name='us-east-1',
                        aws_access_key_id='test', aws_secret_access_key='test').Bucket('office')
for object in bucket.objects.filter(Prefix='out/'):
    path = pathlib.Path(directory) / object.key
    path.parent.mkdir(parents=True, exist_ok=True)
    found = object.get()
    path.write_bytes(found['Body'].read())
    days = (found['ObjectLockRetainUntilDate'] - found['LastModified']).total_seconds() / 86400
    print(found['ServerSideEncryption'], found['SSEKMSKeyId'], found['ObjectLockMode'], round(days))
";
/// Puts something else in an object's place.
const CHANGE: &str = "
import sys, boto3
boto3.client('s3', endpoint_url='http://' + sys.argv[1], region_name='us-east-1', aws_access_key_id='test',
             aws_secret_access_key='test').put_object(Bucket='office', Key=sys.argv[2], Body=b'{}')
";
const PROFILES: [(&str, &str); 2] = [("mds", HOUR), ("nyc-hvfhv", DAY)];

#[test]
fn exports_in_a_bucket_are_those_of_a_disk_encrypted_and_locked() {
    let test = "exports_in_a_bucket_are_those_of_a_disk_encrypted_and_locked";
    let Some(python) = readers::python(test) else {
        return;
    };
    let Some(moto) = Moto::start(test, Plan::each(50)) else {
        return;
    };
    moto.make_bucket("office");
    let bucket = |place: &str, options: &str| {
        let endpoint = moto.proxy.address();
        format!("s3://office/{place}?region=us-east-1&endpoint=http://{endpoint}{options}")
    };
    let archive = bucket("archive", "");
    let office = Office::open_at(START_MS, &["--archive", &archive]);
    let out = bucket(
        "out",
        "&kms_key=alias/reports&lock=compliance&lock_days=2555",
    );
    let places = ["--archive", &archive, "--out", &out];
    for (profile, period) in PROFILES {
        let export = || office.export("", profile, period, &places);
        check(&export(), &format!("exported {profile}/bay/{period}/r001"));
        check(&export(), &format!("unchanged {profile}/bay/{period}/r001"));
    }
    let faults = moto.proxy.counts().faults;
    assert!(faults > 3, "only {faults} requests failed");
    moto.heal();
    let public = office.text("public.jwk");
    let verify = || archiver(&["verify", &out, "--key", &public]);
    check(&verify(), "ok    mds/bay");

    let address = moto.address().to_string();
    let fetched = office.text("fetched");
    let printed = readers::run(&python, FETCH, &[&address, &fetched]);
    let expected = "aws:kms alias/reports COMPLIANCE 2555";
    assert!(printed.lines().count() > 10, "{printed}");
    assert!(printed.lines().all(|line| line == expected), "{printed}");

    let on_disk = Office::open();
    for (profile, period) in PROFILES {
        check(&on_disk.export("out", profile, period, &[]), "exported");
    }
    let files = |office: &Office, out: &str| -> Vec<_> {
        let files = office.files(out).into_iter();
        // Manifests name the commits, which the moments of writing decide about, and links sign them.
        let is_of_rows = |name: &str| !name.ends_with("manifest.json") && !name.contains("_chain/");
        files.filter(|(name, _)| is_of_rows(name)).collect()
    };
    let (bucket, disk) = (files(&office, "fetched/out"), files(&on_disk, "out"));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<_> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&bucket), names(&disk));
    for ((name, one), (_, other)) in bucket.iter().zip(&disk) {
        assert!(one == other, "{name} differs");
    }

    // A lock keeps what is locked, not what its name leads to.
    let file = format!("out/mds/bay/{HOUR}/r001/trips-1.json");
    readers::run(&python, CHANGE, &[&address, &file]);
    check_refused(&verify(), "trips-1.json");
}
