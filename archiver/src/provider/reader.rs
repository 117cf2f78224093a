//! Who asks the Provider API: whoever may read all of one fleet, and takes version 2.0. Who that is is
//! `access`'s to know.

use access::{Credential, Refusal, Right, Within};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

use super::{App, accept::takes_version_2, problem::Problem};

/// A request that may be answered. There is one export of all fleets of a jurisdiction: who may see a
/// part of a fleet sees none of it.
pub(crate) struct Reader;

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credential = Credential::of(&parts.headers);
        let grant = app.guard.admit(credential.as_ref(), Right::Read)?;
        // Without a fleet anybody may read everything.
        let is_of_reader = grant.fleet.is_none_or(|fleet| fleet == app.terms.reader);
        if !is_of_reader || grant.within != Within::Whole {
            return Err(app.guard.refuse(Refusal::NotYours).into());
        }
        let accepted = parts.headers.get_all(header::ACCEPT).iter();
        if !takes_version_2(accepted.filter_map(|value| value.to_str().ok())) {
            return Err(Problem::WrongVersion);
        }
        Ok(Self)
    }
}
