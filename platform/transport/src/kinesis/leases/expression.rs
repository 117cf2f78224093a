//! An update of a lease in the words of DynamoDB: what it expects is the condition, what it changes
//! the update. It says the same as applying the update to a lease, which a test holds it to. Every
//! update expects a counter or an owner, so that none creates an item.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    item::{self, CHECKPOINT, CHILDREN, COUNTER, HANDED_OVER_BY, OWNER, PLACE, SWITCHES},
    worker::WorkerId,
    write::{Change, Update},
};

/// The condition that a new lease is created on.
pub(super) const ABSENT: &str = "attribute_not_exists(leaseKey)";

/// A conditional update.
#[derive(Debug, Default)]
pub(super) struct Expression {
    conditions: Vec<String>,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    /// Attributes by the names that stand for them: some may be words of DynamoDB's own.
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// Says it.
    pub(super) fn of(update: &Update) -> Self {
        let mut expression = Self::default();
        if let Some(counter) = update.counter {
            expression.expect(COUNTER, item::number(counter));
        }
        expression.expect_worker(OWNER, update.owner.as_ref());
        expression.expect_worker(HANDED_OVER_BY, update.handed_over_by.as_ref());
        for change in &update.changes {
            expression.change(change);
        }
        expression
    }

    /// The condition.
    pub(super) fn condition(&self) -> String {
        self.conditions.join(" AND ")
    }

    /// What is changed.
    pub(super) fn update(&self) -> String {
        let clauses = [
            ("SET", &self.set),
            ("ADD", &self.add),
            ("REMOVE", &self.remove),
        ];
        let said: Vec<_> = clauses
            .into_iter()
            .filter(|(_, terms)| !terms.is_empty())
            .map(|(verb, terms)| format!("{verb} {}", terms.join(", ")))
            .collect();
        said.join(" ")
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Count => self.add_one(COUNTER),
            Change::Switch => self.add_one(SWITCHES),
            Change::Owner(owner) => self.set_worker(OWNER, owner.as_ref()),
            Change::HandedOverBy(by) => self.set_worker(HANDED_OVER_BY, by.as_ref()),
            Change::Children(children) => self.set(CHILDREN, item::shards(children)),
            Change::Checkpoint(checkpoint) => {
                let [checkpoint, place] = item::checkpoint(*checkpoint);
                self.set(CHECKPOINT, checkpoint);
                self.set(PLACE, place);
                self.set(SWITCHES, item::number(0_u64));
                for name in item::PREPARED {
                    self.remove(name);
                }
            }
        }
    }

    fn expect(&mut self, name: &str, value: AttributeValue) {
        let (name, value) = (self.name(name), self.value(value));
        self.conditions.push(format!("{name} = {value}"));
    }

    fn expect_worker(&mut self, name: &str, worker: Option<&WorkerId>) {
        if let Some(worker) = worker {
            return self.expect(name, item::text(worker.as_str()));
        }
        let name = self.name(name);
        self.conditions
            .push(format!("attribute_not_exists({name})"));
    }

    fn set_worker(&mut self, name: &str, worker: Option<&WorkerId>) {
        match worker {
            Some(worker) => self.set(name, item::text(worker.as_str())),
            None => self.remove(name),
        }
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        let (name, value) = (self.name(name), self.value(value));
        self.set.push(format!("{name} = {value}"));
    }

    fn add_one(&mut self, name: &str) {
        let (name, one) = (self.name(name), self.value(item::number(1_u64)));
        self.add.push(format!("{name} {one}"));
    }

    fn remove(&mut self, name: &str) {
        let name = self.name(name);
        self.remove.push(name);
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.insert(name.clone(), value);
        name
    }
}
