//! The cities of a process and what is known of each before it has learned anything: those that were
//! named, those of the models that were given, and everywhere. What they learn is `school`'s.

use std::path::Path;

use anyhow::{Context, bail};
use tokio::fs;

use super::Settings;
use crate::eta::{City, Model};

/// A model for each city, in the order in which they are asked; the last is everywhere's.
#[derive(Debug)]
pub struct Cities(Vec<Model>);

impl Cities {
    /// The cities of these settings, with the models in their files.
    ///
    /// # Errors
    /// A file that cannot be read or is no model, and two cities of one name.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let mut given = Vec::new();
        for file in &settings.models {
            let model = read(file).await;
            given.push(model.with_context(|| format!("--model {}", file.display()))?);
        }
        Self::of(&settings.cities, given)
    }

    /// The cities that are named, and those of the models given.
    fn of(named: &[City], given: Vec<Model>) -> anyhow::Result<Self> {
        let everywhere = City::default();
        let mut cities = Vec::new();
        for city in named.iter().filter(|city| **city != everywhere) {
            if position(&cities, city).is_some() {
                bail!("--city {} is given twice", city.name());
            }
            cities.push(Model::new(city.clone()));
        }
        cities.push(Model::new(everywhere));
        for model in given {
            match position(&cities, model.city()) {
                Some(at) => add(&mut cities[at], model),
                None => cities.insert(cities.len() - 1, model),
            }
        }
        Ok(Self(cities))
    }

    pub(crate) fn models(&self) -> &[Model] {
        &self.0
    }

    pub(super) fn into_models(self) -> Vec<Model> {
        self.0
    }
}

impl Default for Cities {
    /// Everywhere alone, which knows nothing.
    fn default() -> Self {
        Self(vec![Model::default()])
    }
}

async fn read(file: &Path) -> anyhow::Result<Model> {
    Model::decode(&fs::read(file).await?)
}

fn position(cities: &[Model], city: &City) -> Option<usize> {
    cities
        .iter()
        .position(|known| known.city().name() == city.name())
}

/// Adds what a given model knows. Who names a city says where it is, whatever the file says.
fn add(known: &mut Model, given: Model) {
    if known.memory().is_empty() && known.city() == given.city() {
        *known = given;
    } else {
        known.merge(&given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::testing::{lessons, model_of};

    const SF: &str = "sf=37.77,-122.42,80,America/Los_Angeles";

    fn city(text: &str) -> City {
        text.parse().unwrap()
    }

    fn check(named: &[&str], given: &[(&str, usize)], expected: &[(&str, usize)]) {
        let named: Vec<_> = named.iter().map(|text| city(text)).collect();
        let given = given
            .iter()
            .map(|(text, drives)| model_of(city(text), &lessons(0..*drives as u32)));
        let Cities(cities) = Cities::of(&named, given.collect()).unwrap();
        let found: Vec<_> = cities
            .iter()
            .map(|model| (model.city().to_string(), model.memory().len()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(city, drives)| ((*city).to_owned(), *drives))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn cities_are_those_named_then_those_of_files_then_everywhere() {
        let (near, far) = ("sf=37.77,-122.42,8,UTC", "b=52.5,13.4,30,Europe/Berlin");
        check(&[], &[], &[("everywhere", 0)]);
        check(&[SF], &[], &[(SF, 0), ("everywhere", 0)]);
        check(
            &[SF],
            &[(far, 2), ("everywhere", 1)],
            &[(SF, 0), (far, 2), ("everywhere", 1)],
        );
        check(&[near], &[(SF, 3)], &[(near, 3), ("everywhere", 0)]);
        check(&[], &[(SF, 3), (SF, 5)], &[(SF, 5), ("everywhere", 0)]);
        check(&["everywhere"], &[], &[("everywhere", 0)]);
    }

    #[test]
    fn two_cities_of_one_name_are_refused() {
        let error = Cities::of(&[city(SF), city(SF)], Vec::new()).unwrap_err();
        assert!(error.to_string().contains("sf is given twice"), "{error}");
    }

    #[tokio::test]
    async fn a_model_is_read_and_a_file_that_is_none_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sf.model");
        let settings = Settings {
            models: vec![file.clone()],
            ..Settings::default()
        };
        for bytes in [None, Some(b"hansomM1 and no more".to_vec())] {
            if let Some(bytes) = bytes {
                std::fs::write(&file, bytes).unwrap();
            }
            let error = format!("{:#}", Cities::open(&settings).await.unwrap_err());
            assert!(
                error.starts_with("--model ") && error.contains("sf.model"),
                "{error}"
            );
        }
        let model = model_of(city(SF), &lessons(0..3));
        std::fs::write(&file, model.encode().unwrap()).unwrap();
        let cities = Cities::open(&settings).await.unwrap();
        assert_eq!(cities.models()[0].memory(), model.memory());
    }
}
