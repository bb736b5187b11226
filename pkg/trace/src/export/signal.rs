//! The two signals that are exported: spans and log records.

use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

/// A connection to an OTLP endpoint for one signal.
pub(crate) trait Signal: Sized + Send + Sync + 'static {
    /// The signal's name in log messages.
    const NAME: &'static str;

    /// What is exported.
    type Item: Send + Sync + 'static;

    /// Creates the exporter. It contacts the endpoint with its first batch.
    fn connect(endpoint: &str, resource: &Resource) -> Result<Self, ExporterBuildError>;

    /// Sends `batch` once.
    fn send(&self, batch: &[Self::Item]) -> impl Future<Output = OTelSdkResult> + Send;
}

impl Signal for SpanExporter {
    const NAME: &'static str = "traces";
    type Item = SpanData;

    fn connect(endpoint: &str, resource: &Resource) -> Result<Self, ExporterBuildError> {
        let exporter = Self::builder().with_tonic().with_endpoint(endpoint);
        let mut exporter = exporter.with_retry_policy(RetryPolicy::disabled()).build()?;
        exporter.set_resource(resource);
        Ok(exporter)
    }

    fn send(&self, batch: &[SpanData]) -> impl Future<Output = OTelSdkResult> + Send {
        self.export(batch.to_vec())
    }
}

impl Signal for LogExporter {
    const NAME: &'static str = "log records";
    type Item = SdkLogRecord;

    fn connect(endpoint: &str, resource: &Resource) -> Result<Self, ExporterBuildError> {
        let exporter = Self::builder().with_tonic().with_endpoint(endpoint);
        let mut exporter = exporter.with_retry_policy(RetryPolicy::disabled()).build()?;
        exporter.set_resource(resource);
        Ok(exporter)
    }

    async fn send(&self, batch: &[SdkLogRecord]) -> OTelSdkResult {
        // The target of a record becomes the name of its scope.
        let scope = InstrumentationScope::default();
        let records: Vec<_> = batch.iter().map(|record| (record, &scope)).collect();
        self.export(LogBatch::new(&records)).await
    }
}
