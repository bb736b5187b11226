//! Generates the messages and services of `proto/`, and one descriptor set per service for reflection.

use prost::Message;
use prost_types::FileDescriptorSet;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

const SERVICES: [&str; 3] = ["metadata", "rating", "movie"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for service in SERVICES {
        fs::write(out.join(format!("{service}.bin")), described(service)?.encode_to_vec())?;
    }
    let all = protox::compile(SERVICES.into_iter().flat_map(files), ["proto"])?;
    tonic_prost_build::configure().compile_fds(all)?;
    Ok(())
}

/// Returns a service's descriptors, with the messages that it imports but not their services.
fn described(service: &str) -> Result<FileDescriptorSet, protox::Error> {
    let own = files(service);
    let mut set = protox::compile(&own, ["proto"])?;
    for file in &mut set.file {
        if !own.iter().any(|name| name == file.name()) {
            file.service.clear();
        }
    }
    Ok(set)
}

fn files(service: &str) -> [String; 2] {
    [format!("{service}/v1/{service}.proto"), format!("compat/{service}.proto")]
}
