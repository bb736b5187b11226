//! What the classic record takes in every format.

use sizecompare::format::Format;
use sizecompare::sample;

#[test]
fn the_classic_record_has_its_known_size_in_every_format() {
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
fn formats_of_lists_alone_have_no_form_of_one_movie() {
    for sample in sample::built_in() {
        for format in [Format::JsonLines, Format::AvroContainer] {
            assert_eq!(sample.bind(format).unwrap().is_some(), sample.name == "list", "{}", sample.name);
        }
    }
}

#[test]
fn the_list_holds_a_hundred_movies_a_line_each() {
    let samples = sample::built_in();
    let list = samples.iter().find(|sample| sample.name == "list").unwrap();
    let lines = list.bind(Format::JsonLines).unwrap().unwrap();
    assert_eq!(lines.bytes().iter().filter(|byte| **byte == b'\n').count(), 100);
}
