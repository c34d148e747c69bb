//! A plan of whose runs more is kept than their results.

use std::sync::Arc;

use super::Plan;
use crate::result::{Setup, Subject};

impl Plan {
    /// The same plan, of whose runs the course is kept.
    #[must_use]
    pub fn watched(self) -> Self {
        let subject = self.setup.subject;
        self.observed(true, subject)
    }

    /// The same plan, of whose runs one request is watched.
    #[must_use]
    pub fn watching(self, subject: Subject) -> Self {
        let course = self.setup.course;
        self.observed(course, Some(subject))
    }

    pub(super) fn observed(self, course: bool, subject: Option<Subject>) -> Self {
        let setup = Setup {
            course,
            subject,
            ..Setup::clone(&self.setup)
        };
        Self {
            setup: Arc::new(setup),
            ..self
        }
    }
}
