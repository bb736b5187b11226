//! Existing clients depend on field numbers, and reflection on what each descriptor set lists.

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};

fn decode(bytes: &[u8]) -> FileDescriptorSet {
    FileDescriptorSet::decode(bytes).unwrap()
}

fn message(set: &FileDescriptorSet, package: &str, name: &str) -> DescriptorProto {
    let file = set.file.iter().find(|file| file.package() == package).unwrap();
    file.message_type.iter().find(|message| message.name() == name).unwrap().clone()
}

fn fields(message: &DescriptorProto) -> Vec<(i32, String)> {
    message.field.iter().map(|field| (field.number(), field.name().to_owned())).collect()
}

fn numbered(expected: &[(i32, &str)]) -> Vec<(i32, String)> {
    expected.iter().map(|(number, name)| (*number, (*name).to_owned())).collect()
}

#[test]
fn field_numbers_of_existing_clients_are_unchanged() {
    let metadata = decode(api::descriptors::METADATA);
    let rating = decode(api::descriptors::RATING);
    let movie = decode(api::descriptors::MOVIE);
    let table: [(DescriptorProto, &[(i32, &str)]); 10] = [
        (
            message(&metadata, "metadata.v1", "Metadata"),
            &[
                (1, "id"),
                (2, "title"),
                (3, "description"),
                (4, "director"),
                (10, "release_year"),
                (11, "genres"),
                (12, "revision"),
            ],
        ),
        (message(&metadata, "metadata.v1", "GetMetadataRequest"), &[(1, "movie_id")]),
        (message(&metadata, "metadata.v1", "GetMetadataResponse"), &[(1, "metadata")]),
        (message(&metadata, "metadata.v1", "PutMetadataRequest"), &[(1, "metadata")]),
        (
            message(&rating, "rating.v1", "GetAggregatedRatingRequest"),
            &[(1, "record_id"), (2, "record_type")],
        ),
        (
            message(&rating, "rating.v1", "GetAggregatedRatingResponse"),
            &[(1, "rating_value"), (10, "aggregate")],
        ),
        (
            message(&rating, "rating.v1", "PutRatingRequest"),
            &[
                (1, "user_id"),
                (2, "record_id"),
                (3, "record_type"),
                (4, "rating_value"),
                (10, "provider_id"),
                (11, "rated_at"),
            ],
        ),
        (message(&movie, "movie.v1", "GetMovieDetailsRequest"), &[(1, "movie_id")]),
        (message(&movie, "movie.v1", "GetMovieDetailsResponse"), &[(1, "movie_details")]),
        (
            message(&movie, "movie.v1", "MovieDetails"),
            &[(1, "rating"), (2, "metadata"), (10, "aggregate"), (11, "partial")],
        ),
    ];
    for (message, expected) in table {
        assert_eq!(fields(&message), numbered(expected), "{}", message.name());
    }
}

#[test]
fn descriptor_set_lists_services_of_its_port_with_and_without_package() {
    for (set, expected) in [
        (api::descriptors::METADATA, ["MetadataService", "metadata.v1.MetadataService"]),
        (api::descriptors::RATING, ["RatingService", "rating.v1.RatingService"]),
        (api::descriptors::MOVIE, ["MovieService", "movie.v1.MovieService"]),
    ] {
        let mut services: Vec<String> = decode(set)
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service.name())))
            .map(|(package, name)| if package.is_empty() { name.into() } else { format!("{package}.{name}") })
            .collect();
        services.sort();
        assert_eq!(services, expected);
    }
}
