// The compared records as Apache Thrift. `generate` makes `src/generated/records_thrift.rs` of it.

struct Classic {
  1: required string id
  2: required string title
  3: required string description
  4: required string director
}

// What came after the first four is optional, so that either side may be older than the other.
struct Metadata {
  1: required string id
  2: required string title
  3: required string description
  4: required string director
  10: optional i32 releaseYear
  11: optional list<string> genres
  12: optional i64 revision
}

struct Aggregate {
  1: required i64 count
  2: required i64 sum
  3: required double mean
  4: required double weightedMean
  5: required list<i64> histogram
  6: required i64 revision
}

struct Movie {
  1: required Metadata metadata
  2: optional Aggregate rating
  3: optional list<string> partial
}

struct Movies {
  1: required list<Movie> movies
}

struct Rating {
  1: required string userId
  2: required string recordId
  3: required string recordType
  4: required i32 value
  5: optional string providerId
  6: required i64 ratedAt
}
