//! What each path answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::door::{Door, Refusal as Turned, Rules};
use super::probe::Running;
use super::scrape::Scrapes;
use super::source::{CollectorName, Filter, Readiness, Reload, Scraper, Source, View};
use super::{Settings, accept, landing, query};
use crate::telemetry::HttpMetrics;

/// The paths, and what they share.
pub(super) struct Router {
    source: Arc<dyn Source>,
    scrapes: Scrapes,
    probes: Running,
    reload: Option<Arc<dyn Reload>>,
    /// One reload at a time: its thread is the only one there is for it.
    reloading: Arc<Semaphore>,
    reload_timeout: Duration,
    telemetry_path: String,
    cadvisor_path: String,
    node_path: String,
    collectors: Vec<CollectorName>,
    door: Option<Arc<Door>>,
    metrics: HttpMetrics,
}

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handler {
    Metrics(View),
    Probe,
    Healthy,
    Ready,
    Reload,
    Landing,
    NotFound,
}

impl Handler {
    /// The `handler` label.
    fn label(self) -> &'static str {
        match self {
            Self::Metrics(View::All) => "metrics",
            Self::Metrics(View::Cadvisor) => "cadvisor",
            Self::Metrics(View::Node) => "node",
            Self::Probe => "probe",
            Self::Healthy => "healthy",
            Self::Ready => "ready",
            Self::Reload => "reload",
            Self::Landing => "landing",
            Self::NotFound => "other",
        }
    }

    /// The `Allow` header, if the method is not among it.
    fn refuses(self, method: &Method) -> Option<&'static str> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match self {
            Self::NotFound => None,
            Self::Reload => (!matches!(*method, Method::POST | Method::PUT)).then_some("POST, PUT"),
            _ => (!reads).then_some("GET, HEAD"),
        }
    }
}

impl Router {
    pub(super) fn new(source: Arc<dyn Source>, settings: &Settings, metrics: HttpMetrics) -> Self {
        Self {
            scrapes: Scrapes::new(Arc::clone(&source), settings, metrics.clone()),
            probes: Running::new(settings, metrics.clone()),
            reload: settings.reload.clone(),
            reloading: Arc::new(Semaphore::new(1)),
            reload_timeout: settings.limits.reload_timeout,
            source,
            cadvisor_path: format!("{}/cadvisor", settings.telemetry_path.trim_end_matches('/')),
            node_path: format!("{}/node", settings.telemetry_path.trim_end_matches('/')),
            telemetry_path: settings.telemetry_path.clone(),
            collectors: settings.collectors.clone(),
            door: settings.door.clone(),
            metrics,
        }
    }

    /// Answers one request, on a connection that was made under these rules. Its body, if it has one, is not read.
    pub(super) async fn answer<B>(&self, peer: IpAddr, made: &Rules, request: &Request<B>) -> Answer {
        let handler = self.find(request.uri().path());
        let answer = match &self.door {
            None => self.answer_inside(handler, peer, request).await,
            Some(door) => {
                let rules = door.rules();
                let mut answer = match door.admit(&rules, request.headers()).await {
                    Ok(()) => self.answer_inside(handler, peer, request).await,
                    Err(turned) => self.turn_away(turned, peer),
                };
                let more = rules.headers.iter().cloned();
                // What has changed about the connection holds for the next one.
                let close =
                    (!made.sealed_as(&rules)).then_some((CONNECTION, HeaderValue::from_static("close")));
                for (name, value) in more.chain(close) {
                    answer.headers_mut().insert(name, value);
                }
                answer
            }
        };
        self.metrics.requests.with_label_values(&[answer.status().as_str(), handler.label()]).inc();
        answer
    }

    fn turn_away(&self, turned: Turned, peer: IpAddr) -> Answer {
        self.metrics.rejected(turned.reason());
        tracing::debug!(reason = turned.reason(), %peer, "turned away: {turned}");
        let answer = text(turned.status(), turned.to_string());
        match turned.header() {
            Some((name, value)) => with(answer, name, value),
            None => answer,
        }
    }

    async fn answer_inside<B>(&self, handler: Handler, peer: IpAddr, request: &Request<B>) -> Answer {
        match handler.refuses(request.method()) {
            Some(allow) => {
                let refused = text(StatusCode::METHOD_NOT_ALLOWED, format!("Allowed here: {allow}"));
                with(refused, ALLOW, HeaderValue::from_static(allow))
            }
            None => self.respond(handler, peer, request).await,
        }
    }

    fn find(&self, path: &str) -> Handler {
        match path {
            path if path == self.telemetry_path => Handler::Metrics(View::All),
            path if path == self.cadvisor_path => Handler::Metrics(View::Cadvisor),
            path if path == self.node_path => Handler::Metrics(View::Node),
            "/probe" => Handler::Probe,
            "/-/healthy" => Handler::Healthy,
            "/-/ready" => Handler::Ready,
            "/-/reload" => Handler::Reload,
            "/" => Handler::Landing,
            _ => Handler::NotFound,
        }
    }

    async fn respond<B>(&self, handler: Handler, peer: IpAddr, request: &Request<B>) -> Answer {
        match handler {
            Handler::Metrics(view) => self.metrics(view, peer, request).await,
            Handler::Probe => self.probe(peer, request).await,
            Handler::Healthy => text(StatusCode::OK, "Plimsoll is healthy."),
            Handler::Ready => match self.source.ready() {
                Readiness::Ready => text(StatusCode::OK, "Plimsoll is ready."),
                Readiness::NotReady(why) => {
                    text(StatusCode::SERVICE_UNAVAILABLE, format!("Plimsoll is not ready: {why}"))
                }
            },
            Handler::Reload => self.reload().await,
            Handler::Landing => {
                let paths = [&*self.telemetry_path, &self.cadvisor_path, &self.node_path];
                let page = landing::page(paths, &self.source.collectors());
                let answer = body(StatusCode::OK, "text/html; charset=utf-8", page.into());
                with(answer, CONTENT_SECURITY_POLICY, HeaderValue::from_static(landing::POLICY))
            }
            Handler::NotFound => text(StatusCode::NOT_FOUND, "404 page not found"),
        }
    }

    async fn reload(&self) -> Answer {
        let Some(reload) = self.reload.clone() else {
            return text(StatusCode::FORBIDDEN, "Reloading over HTTP is not enabled.");
        };
        let run = async {
            let permit = Arc::clone(&self.reloading).acquire_owned().await?;
            let work = move || {
                let _permit = permit;
                reload.reload()
            };
            tokio::task::spawn_blocking(work).await?
        };
        match timeout(self.reload_timeout, run).await {
            Ok(Ok(())) => text(StatusCode::OK, "The configuration is read again."),
            Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("Not reloaded: {error}")),
            Err(_) => {
                let seconds = self.reload_timeout.as_secs_f64();
                text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("The reload was not done after {seconds} seconds."),
                )
            }
        }
    }

    async fn probe<B>(&self, peer: IpAddr, request: &Request<B>) -> Answer {
        let agreed = accept::negotiate(request.headers());
        match self.probes.run(request.uri().query(), agreed.format, request.headers()).await {
            Ok(told) if told.debug => body(StatusCode::OK, PLAIN, told.bytes),
            Ok(told) => body(StatusCode::OK, agreed.content_type, told.bytes),
            Err(refusal) => {
                self.metrics.rejected(refusal.reason());
                tracing::debug!(reason = refusal.reason(), %peer, "no answer to a probe: {refusal}");
                text(refusal.status(), refusal.to_string())
            }
        }
    }

    async fn metrics<B>(&self, view: View, peer: IpAddr, request: &Request<B>) -> Answer {
        let filter = match query::filter(request.uri().query(), &self.collectors) {
            Ok(filter) => filter,
            Err(error) => return text(StatusCode::BAD_REQUEST, error.to_string()),
        };
        let agreed = accept::negotiate(request.headers());
        // A HEAD has nothing to read, so it must not count as a scrape that has seen the tombstones.
        let exposition = if request.method() == Method::HEAD {
            Ok(Bytes::new())
        } else {
            self.scrape(agreed, view, filter, peer, request).await
        };
        match exposition {
            Ok(bytes) => {
                let answer = body(StatusCode::OK, agreed.content_type, bytes);
                let answer = with(answer, VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
                if agreed.gzip {
                    return with(answer, CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                answer
            }
            Err(refusal) => {
                self.metrics.rejected(refusal.reason());
                refusal.log(peer);
                text(refusal.status(), refusal.to_string())
            }
        }
    }

    async fn scrape<B>(
        &self,
        agreed: accept::Agreed,
        view: View,
        filter: Filter,
        peer: IpAddr,
        request: &Request<B>,
    ) -> Result<Bytes, super::scrape::Refusal> {
        let agent = request.headers().get(USER_AGENT);
        let scraper = Scraper {
            peer: peer.to_canonical(),
            agent: agent.map_or_else(String::new, |a| String::from_utf8_lossy(a.as_bytes()).into_owned()),
            target: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
        };
        self.scrapes.run(agreed, view, filter, scraper, request.headers()).await
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";
const CONTENT_SECURITY_POLICY: HeaderName = http::header::CONTENT_SECURITY_POLICY;

fn body(status: StatusCode, content_type: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(bytes));
    *answer.status_mut() = status;
    let answer = with(answer, CONTENT_TYPE, HeaderValue::from_static(content_type));
    with(answer, X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

fn text(status: StatusCode, line: impl Into<String>) -> Answer {
    let mut line = line.into();
    line.push('\n');
    body(status, PLAIN, line.into())
}

fn with(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().insert(name, value);
    answer
}
