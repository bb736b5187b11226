//! The size of the classic record in every format.

use sizecompare::format::Format;
use sizecompare::sample;

#[test]
fn classic_record_has_known_size_in_every_format() {
    let sizes = [
        (Format::Json, 106),
        (Format::Xml, 148),
        (Format::Yaml, 95),
        (Format::ThriftCompact, 64),
        (Format::ThriftBinary, 84),
        (Format::Avro, 69),
        (Format::Protobuf, 63),
        (Format::Capnp, 128),
        (Format::CapnpPacked, 83),
        (Format::Messagepack, 91),
        (Format::Cbor, 91),
        (Format::Postcard, 59),
    ];
    let classic = &sample::built_in()[0];
    assert_eq!(classic.name, "classic");
    let found = Format::all().iter().filter_map(|format| {
        let subject = classic.bind(*format).unwrap()?;
        Some((*format, subject.bytes().len()))
    });
    let found: Vec<_> = found.collect();
    assert_eq!(found, sizes);
}

#[test]
fn list_formats_do_not_support_single_movie() {
    for sample in sample::built_in() {
        for format in [Format::JsonLines, Format::AvroContainer] {
            assert_eq!(sample.bind(format).unwrap().is_some(), sample.name == "list", "{}", sample.name);
        }
    }
}

#[test]
fn list_has_a_hundred_movies_one_per_line() {
    let samples = sample::built_in();
    let list = samples.iter().find(|sample| sample.name == "list").unwrap();
    let lines = list.bind(Format::JsonLines).unwrap().unwrap();
    assert_eq!(lines.bytes().iter().filter(|byte| **byte == b'\n').count(), 100);
}
