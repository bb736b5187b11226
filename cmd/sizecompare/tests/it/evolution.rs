//! Whether readers of one version understand the other's bytes, as the format's row claims: the classic record
//! is the older version, metadata the newer one.

use apache_avro::AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use sizecompare::format::Format;
use sizecompare::record::{Classic, Metadata};

/// The marker and the fingerprint before an Avro object.
const AVRO_HEADER: usize = 10;

fn old() -> Classic {
    Classic { id: "1".into(), title: "Two".into(), description: "Three".into(), director: "Four".into() }
}

/// Returns the old record as seen by a new reader.
fn grown() -> Metadata {
    let Classic { id, title, description, director } = old();
    Metadata { id, title, description, director, ..Metadata::default() }
}

/// Returns a new record whose old part is the old record.
fn new() -> Metadata {
    Metadata { release_year: Some(1984), genres: vec!["Drama".into()], revision: 7, ..grown() }
}

#[test]
fn evolving_format_is_read_by_older_and_newer_version() {
    // Avro needs the writer's schema beside the reader's, as in the next test.
    let formats = Format::all().iter().filter(|format| !matches!(format, Format::Avro));
    for format in formats {
        let Some(old) = format.bind(&old()).unwrap() else { continue };
        let grown = format.bind(&grown()).unwrap().unwrap();
        let new = format.bind(&new()).unwrap().unwrap();
        let both = grown.compare(old.bytes()).is_ok() && old.compare(new.bytes()).is_ok();
        assert_eq!(both, format.about().evolves != "no", "{format:?}");
    }
}

#[test]
fn avro_resolves_writers_schema_to_readers() {
    let (older, newer) = (Classic::get_schema(), Metadata::get_schema());
    let old_object = Format::Avro.bind(&old()).unwrap().unwrap();
    let reader = GenericDatumReader::builder(&older).reader_schema(&newer).build().unwrap();
    let value = reader.read_value(&mut &old_object.bytes()[AVRO_HEADER..]).unwrap();
    assert_eq!(apache_avro::from_value::<Metadata>(&value).unwrap(), grown());

    let new_object = Format::Avro.bind(&new()).unwrap().unwrap();
    let reader = GenericDatumReader::builder(&newer).reader_schema(&older).build().unwrap();
    let value = reader.read_value(&mut &new_object.bytes()[AVRO_HEADER..]).unwrap();
    assert_eq!(apache_avro::from_value::<Classic>(&value).unwrap(), old());
}
