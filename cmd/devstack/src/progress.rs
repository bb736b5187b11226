//! How far the loading came: bars on a terminal, nothing elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of one load.
pub struct Progress {
    all: MultiProgress,
    /// Films stored.
    pub films: ProgressBar,
    /// Ratings applied.
    pub ratings: ProgressBar,
}

impl Progress {
    /// Bars for so many films and ratings, on standard error.
    #[must_use]
    pub fn new(films: u64, ratings: u64) -> Self {
        let all = MultiProgress::new();
        let bar = |name: &'static str, len| {
            let style = ProgressStyle::with_template("{prefix:>8} {wide_bar} {human_pos}/{human_len} {eta}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            all.add(ProgressBar::new(len).with_prefix(name).with_style(style))
        };
        Self { films: bar("films", films), ratings: bar("ratings", ratings), all }
    }

    /// Takes the bars off the terminal.
    pub fn finish(&self) {
        self.films.finish_and_clear();
        self.ratings.finish_and_clear();
        // On a terminal that is gone there is nothing left to clear.
        let _ = self.all.clear();
    }
}
