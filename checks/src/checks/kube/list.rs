//! Lists, a page at a time.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::{Api, Error};
use crate::http::date;

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: Metadata,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "continue")]
    more: Option<String>,
}

/// So many in a page: what a cluster of any size can be asked for.
const LIMIT: u32 = 500;
/// And so many pages, of more than the largest cluster.
const PAGES: usize = 1000;

/// Gives each of a list, with the time by the server's clock. A list that is too old before its end is read once more.
pub(super) fn each<T: DeserializeOwned>(
    api: &mut Api,
    path: &str,
    selector: Option<&str>,
    mut take: impl FnMut(T, f64),
) -> Result<(), Error> {
    let all = read(api, path, selector);
    let all = match all {
        Err(error) if error.status() == Some(410) => read(api, path, selector)?,
        all => all?,
    };
    all.into_iter().for_each(|(one, now)| take(one, now));
    Ok(())
}

fn read<T: DeserializeOwned>(
    api: &mut Api,
    path: &str,
    selector: Option<&str>,
) -> Result<Vec<(T, f64)>, Error> {
    let (mut all, mut more) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &LIMIT.to_string());
        selector.map(|selector| query.append_pair("labelSelector", selector));
        more.as_ref().map(|more| query.append_pair("continue", more));
        let answer = api.ask(&format!("{path}?{}", query.finish()))?;
        let now = answer.response.header("date").and_then(|date| date::parse(&date));
        let now = now.unwrap_or_else(crate::tls::days::now) as f64;
        let page: Page<T> = answer.json()?;
        all.extend(page.items.into_iter().flatten().map(|one| (one, now)));
        more = page.metadata.more.filter(|more| !more.is_empty());
        if more.is_none() {
            break;
        }
    }
    Ok(all)
}
