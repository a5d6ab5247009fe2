use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

/// How many requests were answered, and how. There are only as many kinds as there are routes and statuses, whatever is
/// asked for. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<Answered, u64>>>);

/// One kind of request and answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answered {
    /// `other` for a method that HTTP does not have.
    pub method: &'static str,
    /// The route as it is defined, `/faces/{id}`; `none` where there is none.
    pub route: String,
    pub status: u16,
}

impl Requests {
    /// All kinds so far with their numbers.
    pub(super) fn all(&self) -> Vec<(Answered, u64)> {
        self.lock().iter().map(|(answered, count)| (answered.clone(), *count)).collect()
    }

    fn add(&self, answered: Answered) {
        *self.lock().entry(answered).or_default() += 1;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Answered, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what is answered.
pub(super) async fn count(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    requests.add(Answered { method, route, status: response.status().as_u16() });
    response
}

fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.iter().find(|known| **known == method.as_str()).copied().unwrap_or("other")
}
