//! Compiles the Protobuf files to Rust, without protoc: protox parses, buffa generates.
//! It does not format or check in what it generates.

use std::{env, error::Error, fs, io::Write as _, path::PathBuf, time::SystemTime};

use prost::Message as _;

const FILES: [&str; 1] = ["hansom.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let descriptors = out.join("descriptors.bin");
    let mut file = fs::File::create(&descriptors)?;
    file.write_all(&protox::compile(FILES, ["proto"])?.encode_to_vec())?;
    // buffa has cargo watch the file. Younger than this run it would make cargo run this, and build
    // all that depends on it, every time.
    file.set_modified(SystemTime::UNIX_EPOCH)?;
    buffa_build::Config::new()
        .files(&FILES)
        .descriptor_set(&descriptors)
        .out_dir(&out)
        .preserve_unknown_fields(false)
        .compile()?;
    Ok(())
}
