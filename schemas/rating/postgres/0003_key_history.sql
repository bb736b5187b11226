-- Proof that keys which an instance remembers were given in this history of the database: it may lose its last
-- transactions (a promoted standby, a restored backup, a crash) while instances run, and then gives the same keys to other
-- names. Every transaction that gives keys puts a random token first and waits here for the one before it, so that a token
-- which is still listed proves all keys that were given up to it. Newest first; the oldest are dropped.
CREATE TABLE key_history (
    one integer PRIMARY KEY CHECK (one = 1),
    tokens bigint[] NOT NULL
);

INSERT INTO key_history (one, tokens) VALUES (1, '{}');

-- The service never changes or removes a key. After anyone else does, nothing that is remembered is proved. Batches and
-- such changes wait for each other by the lock that every batch shares; TRUNCATE has a lock of its own.
CREATE FUNCTION disprove_keys() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        PERFORM pg_advisory_xact_lock(hashtext('rating.prior'));
    END IF;
    UPDATE key_history SET tokens = '{}';
    RETURN NULL;
END
$$;

CREATE TRIGGER disprove_keys BEFORE UPDATE OR DELETE OR TRUNCATE ON record
    FOR EACH STATEMENT EXECUTE FUNCTION disprove_keys();
CREATE TRIGGER disprove_keys BEFORE UPDATE OR DELETE OR TRUNCATE ON rater
    FOR EACH STATEMENT EXECUTE FUNCTION disprove_keys();
CREATE TRIGGER disprove_keys BEFORE DELETE OR TRUNCATE ON aggregate
    FOR EACH STATEMENT EXECUTE FUNCTION disprove_keys();
