//! The content of the descriptor sets: reflection, in both versions, and the known methods.

use prost::Message;
use prost_types::FileDescriptorSet;
use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use tonic::service::Routes;
use tonic_reflection::server::{Builder, v1, v1alpha};

/// The paths of the known methods (`/metadata.v1.MetadataService/GetMetadata`).
pub(super) type Methods = Arc<HashSet<Arc<str>>>;

/// The reflection services for some descriptor sets, and the methods in them.
pub(super) struct Described<V1: v1::ServerReflection, V1Alpha: v1alpha::ServerReflection> {
    v1: v1::ServerReflectionServer<V1>,
    v1alpha: v1alpha::ServerReflectionServer<V1Alpha>,
    methods: Methods,
}

/// Decodes the descriptor sets `own`, and those of health and reflection.
pub(super) fn describe(
    own: &[&'static [u8]],
) -> Result<Described<impl v1::ServerReflection, impl v1alpha::ServerReflection>, Box<dyn Error + Send + Sync>>
{
    let all = || own.iter().copied().chain([tonic_health::pb::FILE_DESCRIPTOR_SET]);
    let builder = || all().fold(Builder::configure(), Builder::register_encoded_file_descriptor_set);
    let mut methods = HashSet::new();
    for set in all().chain([
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]) {
        methods.extend(paths(&FileDescriptorSet::decode(set)?));
    }
    Ok(Described { v1: builder().build_v1()?, v1alpha: builder().build_v1alpha()?, methods: methods.into() })
}

fn paths(set: &FileDescriptorSet) -> impl Iterator<Item = Arc<str>> {
    set.file.iter().flat_map(|file| {
        let package = match file.package() {
            "" => String::new(),
            package => format!("{package}."),
        };
        file.service.iter().flat_map(move |service| {
            let prefix = format!("/{package}{}/", service.name());
            service.method.iter().map(move |method| format!("{prefix}{}", method.name()).into())
        })
    })
}

impl<V1: v1::ServerReflection, V1Alpha: v1alpha::ServerReflection> Described<V1, V1Alpha> {
    pub(super) fn methods(&self) -> Methods {
        Arc::clone(&self.methods)
    }

    /// Adds reflection to `routes`.
    pub(super) fn add_to(&self, routes: Routes) -> Routes {
        routes.add_service(self.v1.clone()).add_service(self.v1alpha.clone())
    }
}
