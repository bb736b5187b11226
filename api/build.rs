//! Generates the messages and services of `proto/`, one descriptor set a service for reflection, and the movie
//! service once more for a server whose movies are made of parts that are encoded already.

use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;
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

    let encoded = out.join("encoded");
    fs::create_dir_all(&encoded)?;
    let movie = with_encoded_parts(described("movie")?);
    tonic_prost_build::configure().build_client(false).bytes(".").out_dir(encoded).compile_fds(movie)?;
    Ok(())
}

/// What a service serves, with the messages that it imports but not their services.
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

/// The same with a movie's parts as bytes, which on the wire is what a message is.
fn with_encoded_parts(mut set: FileDescriptorSet) -> FileDescriptorSet {
    let messages = set.file.iter_mut().flat_map(|file| &mut file.message_type);
    for movie in messages.filter(|message| message.name() == "MovieDetails") {
        for part in movie.field.iter_mut().filter(|field| field.r#type() == Type::Message) {
            part.set_type(Type::Bytes);
            part.type_name = None;
        }
    }
    set
}

fn files(service: &str) -> [String; 2] {
    [format!("{service}/v1/{service}.proto"), format!("compat/{service}.proto")]
}
