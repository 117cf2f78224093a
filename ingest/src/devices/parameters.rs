//! The named values of a request, from its query, a form or a flat JSON object.
//! What the names mean is each protocol's business.

use serde_json::{Map, Value};
use url::form_urlencoded;

/// No app sends more; GPSLogger, which sends all it knows, has 23.
const MAX_PARAMETERS: usize = 100;

/// Values by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `name=value&..`. Any bytes are a form, and percent-encoding is undone.
    pub(crate) fn of_form(form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(form).take(MAX_PARAMETERS);
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// Reads a JSON object; what is neither text, number nor bool in it is passed over.
    ///
    /// # Errors
    /// What is wrong with it as JSON, or that it is no object.
    pub(crate) fn of_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let object: Map<String, Value> = serde_json::from_slice(json)?;
        let texts = object.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(_) | Value::Bool(_) => Some((name, value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        });
        Ok(Self(texts.take(MAX_PARAMETERS).collect()))
    }

    /// The value of the first of these names that has one which is not empty.
    pub(crate) fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|wanted| {
            self.0
                .iter()
                .filter(|(name, _)| name == wanted)
                .map(|(_, value)| value.trim())
                .find(|value| !value.is_empty())
        })
    }

    /// That value as a number, if it is one.
    pub(crate) fn number(&self, names: &[&str]) -> Option<f64> {
        self.get(names)?.parse().ok()
    }

    /// These, and after them those of `other`.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_value_that_is_not_empty_counts() {
        let parameters = Parameters::of_form(b"a=&b=2&a=%20x+y&c=1e1");
        assert_eq!(parameters.get(&["a"]), Some("x y"));
        assert_eq!(parameters.get(&["d", "b", "a"]), Some("2"));
        assert_eq!(parameters.get(&["d"]), None);
        assert_eq!(parameters.number(&["c"]), Some(10.0));
        assert_eq!(parameters.number(&["a"]), None);
    }

    #[test]
    fn json_and_forms_say_the_same() {
        let json = Parameters::of_json(br#"{"a":"x","n":null,"o":{},"b":1.5,"c":true}"#).unwrap();
        assert_eq!(json, Parameters::of_form(b"a=x&b=1.5&c=true"));
        assert!(Parameters::of_json(b"[]").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = Parameters::of_form(&bytes).number(&["a"]);
            let _ = Parameters::of_json(&bytes);
        }
    }
}
