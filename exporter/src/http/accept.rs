//! Content negotiation (RFC 9110, section 12): which exposition format, and whether packed.

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use crate::exposition::Format;

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) format: Format,
    pub(super) content_type: &'static str,
    pub(super) gzip: bool,
}

/// Chooses among what we can write. A client that accepts nothing of it gets the text format: a scraper can
/// say more about a wrong type than about an empty 406.
pub(super) fn negotiate(headers: &HeaderMap) -> Agreed {
    let ranges: Vec<Range<'_>> = elements(headers, &ACCEPT).filter_map(Range::parse).collect();
    let mut best: Option<(Match, &Offer)> = None;
    for offer in &OFFERS {
        let Some(found) = offer.best_match(&ranges) else { continue };
        if found.quality > 0.0 && best.is_none_or(|(held, _)| found.beats(held)) {
            best = Some((found, offer));
        }
    }
    let offer = best.map_or(&OFFERS[0], |(_, offer)| offer);
    Agreed { format: offer.format, content_type: offer.content_type, gzip: gzip(headers) }
}

/// One thing we can write.
struct Offer {
    media: (&'static str, &'static str),
    version: &'static str,
    format: Format,
    content_type: &'static str,
}

/// In the order of our own preference, which decides where the client has none.
static OFFERS: [Offer; 3] = [
    Offer {
        media: ("text", "plain"),
        version: "0.0.4",
        format: Format::Text,
        content_type: Format::Text.content_type(),
    },
    Offer {
        media: ("application", "openmetrics-text"),
        version: "1.0.0",
        format: Format::OpenMetrics,
        content_type: Format::OpenMetrics.content_type(),
    },
    // What we write is valid under the draft as well; a client that knows only the draft is told so.
    Offer {
        media: ("application", "openmetrics-text"),
        version: "0.0.1",
        format: Format::OpenMetrics,
        content_type: "application/openmetrics-text; version=0.0.1; charset=utf-8",
    },
];

impl Offer {
    /// The most specific range that covers this offer decides its quality.
    fn best_match(&self, ranges: &[Range<'_>]) -> Option<Match> {
        let mut best: Option<Match> = None;
        for (position, range) in ranges.iter().enumerate() {
            let Some(specificity) = range.specificity(self) else { continue };
            if best.is_none_or(|held| specificity > held.specificity) {
                best = Some(Match { quality: range.quality, specificity, position });
            }
        }
        best
    }
}

#[derive(Clone, Copy)]
struct Match {
    quality: f32,
    specificity: u8,
    position: usize,
}

impl Match {
    /// Higher quality, then the more specific range, then the one the client named first.
    fn beats(self, held: Self) -> bool {
        if self.quality != held.quality {
            return self.quality > held.quality;
        }
        if self.specificity != held.specificity {
            return self.specificity > held.specificity;
        }
        self.position < held.position
    }
}

/// One media range of an `Accept` header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    version: Option<&'a str>,
    /// It has a parameter that nothing we write has.
    foreign: bool,
    quality: f32,
}

impl<'a> Range<'a> {
    /// `None` for what is no media range: it is ignored, as a scraper's odd header must not cost a scrape.
    fn parse(element: &'a str) -> Option<Self> {
        let mut parts = element.split(';');
        let (kind, subtype) = parts.next()?.trim().split_once('/')?;
        let mut range = Self { kind, subtype, version: None, foreign: false, quality: 1.0 };
        for part in parts {
            let (name, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.quality = quality(value)?,
                "version" => range.version = Some(value),
                // All our names are valid under every escaping scheme, so each of them is honoured.
                "escaping" | "charset" => {}
                _ => range.foreign = true,
            }
        }
        Some(range)
    }

    fn specificity(&self, offer: &Offer) -> Option<u8> {
        let (kind, subtype) = offer.media;
        if self.foreign || self.version.is_some_and(|version| version != offer.version) {
            return None;
        }
        if self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype) {
            return Some(if self.version.is_some() { 4 } else { 3 });
        }
        match (self.kind, self.subtype) {
            ("*", "*") => Some(1),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(2),
            _ => None,
        }
    }
}

/// True if gzip is acceptable and the unpacked form is not liked better.
fn gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for element in elements(headers, &ACCEPT_ENCODING) {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let weight = parameters.trim().strip_prefix("q=").or_else(|| parameters.trim().strip_prefix("Q="));
        let Some(weight) = weight.map_or(Some(1.0), quality) else { continue };
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "identity" => identity = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    let Some(gzip) = gzip.or(any) else { return false };
    gzip > 0.0 && identity.is_none_or(|identity| gzip >= identity)
}

fn quality(value: &str) -> Option<f32> {
    value.trim().parse().ok().filter(|q| (0.0..=1.0).contains(q))
}

/// The elements of a list header, over all its lines.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','))
}

#[cfg(test)]
mod tests;
