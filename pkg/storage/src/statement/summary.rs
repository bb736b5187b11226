//! What a statement does, read from its text: operations and tables, never values.

/// The maximum length of a summary, in bytes, as the semantic conventions recommend.
const MAX_TEXT: usize = 255;

/// What a text of one or several statements does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Each different operation with its table, in order: `BEGIN; INSERT rating; COMMIT`.
    pub(super) text: String,
    /// The operation, or `BATCH` for several statements.
    pub(super) operation: String,
    /// The first table of a single statement.
    pub(super) collection: Option<String>,
    /// The number of statements.
    pub(super) statements: usize,
}

/// Summarizes `sql`.
pub(super) fn of(sql: &str) -> Summary {
    let statements: Vec<Statement<'_>> = sql.split(';').filter_map(Statement::parse).collect();
    let mut texts: Vec<String> = statements.iter().map(Statement::text).collect();
    texts.dedup();
    let mut text = texts.join("; ");
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    match &statements[..] {
        [only] => Summary {
            text,
            operation: only.operation.to_ascii_uppercase(),
            collection: only.table.map(str::to_owned),
            statements: 1,
        },
        several => {
            Summary { text, operation: "BATCH".to_owned(), collection: None, statements: several.len() }
        }
    }
}

struct Statement<'a> {
    operation: &'a str,
    table: Option<&'a str>,
}

impl<'a> Statement<'a> {
    /// Reads a statement; `None` if it is empty.
    fn parse(sql: &'a str) -> Option<Self> {
        let tokens: Vec<&str> = tokens(sql).collect();
        let first = *tokens.first()?;
        let has_expressions = first.eq_ignore_ascii_case("WITH");
        let (mut depth, mut operation, mut expressions) =
            (0_usize, Some(first).filter(|_| !has_expressions), Vec::new());
        let mut table = None;
        for (place, &token) in tokens.iter().enumerate() {
            let next = |ahead: usize| tokens.get(place + ahead).copied().unwrap_or_default();
            match token {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ if depth == 0 && operation.is_none() && is_operation(token) => operation = Some(token),
                // Names of common table expressions, and the keywords around them.
                _ if depth == 0 && operation.is_none() => expressions.push(token),
                _ => {}
            }
            // A name before a parenthesis is a function's, except after INTO and COPY.
            let names_table = ["FROM", "JOIN"].iter().any(|word| token.eq_ignore_ascii_case(word))
                && next(2) != "("
                || ["INTO", "UPDATE", "COPY"].iter().any(|word| token.eq_ignore_ascii_case(word));
            if names_table && table.is_none() && is_name(next(1)) && !expressions.contains(&next(1)) {
                table = Some(next(1));
            }
        }
        Some(Self { operation: operation.unwrap_or(first), table })
    }

    fn text(&self) -> String {
        let operation = self.operation.to_ascii_uppercase();
        self.table.map_or_else(|| operation.clone(), |table| format!("{operation} {table}"))
    }
}

fn is_operation(token: &str) -> bool {
    ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|operation| token.eq_ignore_ascii_case(operation))
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Returns the words and parentheses of `sql`, without what is quoted.
fn tokens(sql: &str) -> impl Iterator<Item = &str> {
    let outside = sql.split('\'').step_by(2);
    outside
        .flat_map(|text| {
            text.split_inclusive(|c: char| !is_part(c)).flat_map(|piece| {
                let word = piece.trim_end_matches(|c| !is_part(c));
                [word, &piece[word.len()..]]
            })
        })
        .filter(|token| token.starts_with(|c| is_part(c) || c == '(' || c == ')'))
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_is_summarized_by_operation_and_first_table() {
        for (sql, operation, table) in [
            ("SELECT id, title FROM metadata WHERE id = $1", "SELECT", Some("metadata")),
            ("select last from revision for update", "SELECT", Some("revision")),
            ("SELECT a FROM record AS r JOIN aggregate AS a ON a.record = r.key", "SELECT", Some("record")),
            (
                "SELECT n.key, r.key FROM json_each($1) AS n CROSS JOIN rater AS r ON r.user_id = n.value",
                "SELECT",
                Some("rater"),
            ),
            (
                "SELECT n.place - 1 FROM unnest($1::text[]) WITH ORDINALITY AS n (id, place) JOIN record AS r",
                "SELECT",
                Some("record"),
            ),
            ("SELECT x FROM (VALUES (?,?),(?,?)) AS n CROSS JOIN rating AS r", "SELECT", Some("rating")),
            ("SELECT 'from other' FROM rating", "SELECT", Some("rating")),
            ("SELECT pg_advisory_xact_lock(hashtext('rating.prior'))", "SELECT", None),
            (
                "INSERT INTO word_half (half, word) SELECT * FROM unnest($1::text[])",
                "INSERT",
                Some("word_half"),
            ),
            ("INSERT INTO rater(key) VALUES (1) ON CONFLICT DO UPDATE SET key = 1", "INSERT", Some("rater")),
            ("UPDATE setting SET prior_mean = 1", "UPDATE", Some("setting")),
            (
                "DELETE FROM tombstone WHERE id IN (SELECT value FROM json_each($1))",
                "DELETE",
                Some("tombstone"),
            ),
            ("COPY rating (rater, record) FROM STDIN (FORMAT binary)", "COPY", Some("rating")),
            (
                "WITH wanted (word) AS MATERIALIZED (SELECT value FROM json_each($2)), hit AS (
                    SELECT (SELECT count(*) FROM wanted) FROM title_word JOIN metadata ON 1
                ) SELECT id FROM hit",
                "SELECT",
                Some("title_word"),
            ),
            ("WITH n AS (SELECT 1) UPDATE aggregate SET h1 = 1 FROM n", "UPDATE", Some("aggregate")),
            ("COMMIT", "COMMIT", None),
        ] {
            let found = of(sql);
            let text = table.map_or_else(|| operation.to_owned(), |table| format!("{operation} {table}"));
            assert_eq!(
                (&*found.operation, found.collection.as_deref(), &*found.text, found.statements),
                (operation, table, &*text, 1),
                "{sql}"
            );
        }
    }

    #[test]
    fn several_statements_are_a_batch() {
        let found = of("BEGIN IMMEDIATE;INSERT INTO a (x) VALUES (?);INSERT INTO a (x) VALUES (?);COMMIT");
        assert_eq!((&*found.text, &*found.operation), ("BEGIN; INSERT a; COMMIT", "BATCH"));
        assert_eq!((found.collection, found.statements), (None, 4));
    }

    #[test]
    fn any_text_has_a_short_summary() {
        for sql in
            ["", ";", "'", "((", "WITH", "WITH x", "é FROM é", "SELECT FROM", "INTO", &"A".repeat(1000)]
        {
            assert!(of(sql).text.len() <= MAX_TEXT, "{sql}");
        }
    }
}
