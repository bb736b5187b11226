//! Pages that would exceed the message size that gRPC clients accept by default, 4 MiB.

use super::start;
use api::metadata::v1 as proto;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const MAX_DESCRIPTION: usize = 16 * 1024;

/// Stores one record for each length of a description, and reads all with pages of `page_size` in both lists.
async fn check(lengths: &[usize], page_size: i32) -> Result<(), TestCaseError> {
    let (service, mut client) = start().await;
    let record = |(n, length): (usize, &usize)| proto::Metadata {
        id: format!("{n:04}"),
        title: format!("Movie {n}"),
        description: "x".repeat(*length),
        ..Default::default()
    };
    let records: Vec<_> = lengths.iter().enumerate().map(record).collect();
    for metadata in records.chunks(200) {
        let request = proto::BatchPutMetadataRequest { metadata: metadata.to_vec() };
        client.batch_put_metadata(request).await.unwrap();
    }
    let bytes: usize = lengths.iter().sum();
    for query in [None, Some("movie")] {
        let (mut found, mut pages, mut page_token) = (Vec::new(), 0, String::new());
        while pages == 0 || !page_token.is_empty() {
            let (metadata, next) = if let Some(query) = query {
                let request = proto::SearchMetadataRequest { page_size, page_token, query: query.into() };
                let page = client.search_metadata(request).await.unwrap().into_inner();
                (page.metadata, page.next_page_token)
            } else {
                let request = proto::ListMetadataRequest { page_size, page_token };
                let page = client.list_metadata(request).await.unwrap().into_inner();
                (page.metadata, page.next_page_token)
            };
            prop_assert!(!metadata.is_empty() && metadata.len() <= page_size.unsigned_abs() as usize);
            found.extend(metadata.into_iter().map(|metadata| (metadata.id, metadata.description.len())));
            (pages, page_token) = (pages + 1, next);
        }
        let expected: Vec<_> = lengths.iter().enumerate().map(|(n, len)| (format!("{n:04}"), *len)).collect();
        prop_assert_eq!(&found, &expected);
        // No page is shorter than it must be: two together exceed the limit or the size.
        let fewest = lengths.len().div_ceil(page_size.unsigned_abs() as usize);
        prop_assert!(pages <= fewest + 2 * bytes / (3 << 20) + 1, "{} pages of {} bytes", pages, bytes);
    }
    service.stop().await.unwrap();
    Ok(())
}

#[tokio::test]
async fn page_of_300_longest_descriptions_ends_before_4_mib() {
    check(&[MAX_DESCRIPTION; 300], 300).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn concatenated_pages_are_the_whole_list_whatever_the_sizes(
        lengths in prop::collection::vec(prop_oneof![0..100_usize, 12_000..=MAX_DESCRIPTION], 200..420),
        page_size in 100..=500,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&lengths, page_size))?;
    }
}
