//! Progress of loading: bars on a terminal, nothing elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of one load.
pub(crate) struct Progress {
    all: MultiProgress,
    /// Movies stored.
    pub(crate) movies: ProgressBar,
    /// Ratings applied.
    pub(crate) ratings: ProgressBar,
}

impl Progress {
    /// Creates bars for the given numbers of movies and ratings, on standard error.
    #[must_use]
    pub(crate) fn new(movies: u64, ratings: u64) -> Self {
        let all = MultiProgress::new();
        let bar = |name: &'static str, len| {
            let style = ProgressStyle::with_template("{prefix:>8} {wide_bar} {human_pos}/{human_len} {eta}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            all.add(ProgressBar::new(len).with_prefix(name).with_style(style))
        };
        Self { movies: bar("movies", movies), ratings: bar("ratings", ratings), all }
    }

    /// Removes the bars from the terminal.
    pub(crate) fn finish(&self) {
        self.movies.finish_and_clear();
        self.ratings.finish_and_clear();
        // On a closed terminal there is nothing left to clear.
        let _ = self.all.clear();
    }
}
