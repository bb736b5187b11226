//! Generates the messages and services of `proto/`, one descriptor set per service for reflection, and the services
//! again for servers whose responses contain messages that are already encoded.

use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

const SERVICES: [&str; 3] = ["metadata", "rating", "movie"];

/// The messages that are already encoded in responses.
const NOUNS: [&str; 2] = [".metadata.v1.Metadata", ".rating.v1.AggregatedRating"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for service in SERVICES {
        fs::write(out.join(format!("{service}.bin")), described(service)?.encode_to_vec())?;
    }
    let all = protox::compile(SERVICES.into_iter().flat_map(files), ["proto"])?;
    tonic_prost_build::configure().compile_fds(all.clone())?;

    let encoded = out.join("encoded");
    fs::create_dir_all(&encoded)?;
    let generator = tonic_prost_build::configure().build_client(false).bytes(".").out_dir(encoded);
    let (all, same) = with_encoded_nouns(all);
    let generator =
        same.iter().fold(generator, |generator, (proto, rust)| generator.extern_path(proto, rust));
    generator.compile_fds(all)?;
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

/// Replaces the encoded messages in responses by bytes, which is equivalent on the wire; also returns the names of
/// the messages of metadata and ratings that are unchanged, in `proto/` and in Rust.
fn with_encoded_nouns(mut set: FileDescriptorSet) -> (FileDescriptorSet, Vec<(String, String)>) {
    let mut same = Vec::new();
    for file in &mut set.file {
        let package = file.package().to_owned();
        for message in &mut file.message_type {
            let changed = !message.name().ends_with("Request") && encode_nouns(message);
            if !changed && package != "movie.v1" {
                let path = package.replace('.', "::");
                same.push((
                    format!(".{package}.{}", message.name()),
                    format!("crate::{path}::{}", message.name()),
                ));
            }
        }
    }
    (set, same)
}

/// Replaces the encoded messages in `message` by bytes; returns whether there were any.
fn encode_nouns(message: &mut DescriptorProto) -> bool {
    let mut any = false;
    for noun in message.field.iter_mut().filter(|field| NOUNS.contains(&field.type_name())) {
        noun.set_type(Type::Bytes);
        noun.type_name = None;
        any = true;
    }
    any
}

fn files(service: &str) -> [String; 2] {
    [format!("{service}/v1/{service}.proto"), format!("compat/{service}.proto")]
}
