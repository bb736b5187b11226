# The compared records as Cap'n Proto. `generate` makes `src/generated/records_capnp.rs` of it.
@0x9c3f1e5a7b2d4806;

struct Classic {
  id @0 :Text;
  title @1 :Text;
  description @2 :Text;
  director @3 :Text;
}

struct Metadata {
  id @0 :Text;
  title @1 :Text;
  description @2 :Text;
  director @3 :Text;
  # 0 where it is absent.
  releaseYear @4 :Int32;
  genres @5 :List(Text);
  revision @6 :Int64;
}

struct Aggregate {
  count @0 :Int64;
  sum @1 :Int64;
  mean @2 :Float64;
  weightedMean @3 :Float64;
  histogram @4 :List(Int64);
  revision @5 :Int64;
}

struct Movie {
  metadata @0 :Metadata;
  # A null pointer where it is absent.
  rating @1 :Aggregate;
  partial @2 :List(Text);
}

struct Movies {
  movies @0 :List(Movie);
}

struct Rating {
  userId @0 :Text;
  recordId @1 :Text;
  recordType @2 :Text;
  value @3 :Int32;
  # A null pointer where it is absent.
  providerId @4 :Text;
  ratedAt @5 :Int64;
}
