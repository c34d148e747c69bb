//! All that a configuration says of TLS, read and ready for handshakes; and keys of sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::identity::{self, Identity};
use super::{Authority, Client, Error, Files, Problem, Vault, lint, server};
use crate::affinity::{Keeper, Keyring};
use crate::config::{self, AffinityKind, Config, Cookie};
use crate::document::{Severity, Step};

/// The TLS side of each listener and pool, and the keys of pools that keep sessions. The default
/// one is that of a configuration without either.
#[derive(Clone, Default)]
pub struct Material {
    authority: Option<Authority>,
    servers: BTreeMap<String, Server>,
    clients: BTreeMap<String, Arc<Client>>,
    /// The keys of each pool that keeps sessions, and whether they were drawn here.
    keyrings: BTreeMap<String, (Arc<Keyring>, bool)>,
}

#[derive(Clone)]
struct Server {
    config: Arc<ServerConfig>,
    identities: Vec<Identity>,
}

/// A certificate that a listener shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The listener's name.
    pub listener: &'a str,
    /// The certificate's file.
    pub path: &'a std::path::Path,
    /// Who it is for, in lower case: hosts, `*.` in front of a wildcard's, addresses.
    pub names: &'a [String],
    /// Its last second, since 1970.
    pub not_after_s: i64,
}

impl Material {
    /// Reads everything that `config` asks for. The material is there if no problem is an error.
    #[must_use]
    pub fn load(config: &Config, authority: &Authority) -> (Option<Self>, Vec<Problem>) {
        Self::load_from(config, authority, &Files)
    }

    /// Like [`load`](Self::load), from another place than files.
    #[must_use]
    pub fn load_from(
        config: &Config,
        authority: &Authority,
        vault: &dyn Vault,
    ) -> (Option<Self>, Vec<Problem>) {
        let mut loader = Loader {
            authority,
            vault,
            known: BTreeMap::new(),
            problems: Vec::new(),
        };
        let mut material = Self {
            authority: Some(authority.clone()),
            ..Self::default()
        };
        for (n, listener) in config.listeners.iter().enumerate() {
            if let Some(server) = loader.server(n, listener) {
                material.servers.insert(listener.name.clone(), server);
            }
        }
        for (n, pool) in config.pools.iter().enumerate() {
            if let Some(client) = loader.client(n, pool) {
                material.clients.insert(pool.name.clone(), Arc::new(client));
            }
            if let Some(keys) = loader.keyring(n, pool) {
                material.keyrings.insert(pool.name.clone(), keys);
            }
        }
        let mut problems = loader.problems;
        let failed = problems
            .iter()
            .any(|problem| problem.error.severity() == Severity::Error);
        if failed {
            return (None, problems);
        }
        problems.extend(lint::hosts(config, &material));
        (Some(material), problems)
    }

    /// A listener's side, if it speaks TLS. What is in force for it now: not to be kept longer than
    /// a handshake.
    #[must_use]
    pub fn server(&self, listener: &str) -> Option<&Arc<ServerConfig>> {
        self.servers.get(listener).map(|server| &server.config)
    }

    /// A pool's side, if TLS is spoken to its endpoints.
    #[must_use]
    pub fn client(&self, pool: &str) -> Option<&Arc<Client>> {
        self.clients.get(pool)
    }

    /// Gives a pool's sessions these keys.
    pub fn seal(&mut self, pool: &str, keys: Keyring) {
        self.keyrings
            .insert(pool.to_owned(), (Arc::new(keys), false));
    }

    /// What reads and writes the sessions of a pool, if it keeps any.
    #[must_use]
    pub fn keeper(&self, pool: &config::Pool) -> Option<Keeper> {
        let (keys, _) = self.keyrings.get(&pool.name)?;
        Keeper::new(pool, keys)
    }

    /// Says what date it is; before each handshake, of either side.
    pub fn set_time(&self, unix_now: Duration) {
        if let Some(authority) = &self.authority {
            authority.set_time(unix_now);
        }
    }

    /// The certificates that listeners show, each once.
    #[must_use]
    pub fn certificates(&self) -> Vec<Certificate<'_>> {
        let mut certificates: Vec<Certificate<'_>> = Vec::new();
        for (listener, server) in &self.servers {
            for identity in &server.identities {
                let certificate = Certificate {
                    listener,
                    path: &identity.path,
                    names: &identity.names,
                    not_after_s: identity.not_after_s,
                };
                if !certificates.contains(&certificate) {
                    certificates.push(certificate);
                }
            }
        }
        certificates
    }

    /// What is to be said at `unix_now` of certificates that are over or will be within 14 days.
    #[must_use]
    pub fn expiring(&self, unix_now: Duration) -> Vec<String> {
        let unix_s = i64::try_from(unix_now.as_secs()).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        for certificate in self.certificates() {
            let path = certificate.path.to_owned();
            if let Some(error) = identity::expiry(path, certificate.not_after_s, unix_s) {
                found.push(format!("listener `{}`: {error}", certificate.listener));
            }
        }
        found
    }

    /// Keeps what an earlier material has for listeners that this one does not know: a socket that
    /// spoke TLS goes on to, until it is closed.
    pub(crate) fn keep(&mut self, earlier: &Self) {
        for (listener, server) in &earlier.servers {
            if !self.servers.contains_key(listener) {
                self.servers.insert(listener.clone(), server.clone());
            }
        }
        // Keys that were drawn for a process are good for as long as it lives.
        for (pool, (keys, drawn)) in &mut self.keyrings {
            if let (true, Some((known, true))) = (*drawn, earlier.keyrings.get(pool)) {
                *keys = Arc::clone(known);
            }
        }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material")
            .field("certificates", &self.certificates())
            .field("clients", &self.clients.keys())
            .finish_non_exhaustive()
    }
}

/// Reads files and collects what is wrong with them.
struct Loader<'a> {
    authority: &'a Authority,
    vault: &'a dyn Vault,
    /// A certificate that several listeners show is held once.
    known: BTreeMap<(PathBuf, PathBuf), Identity>,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn server(&mut self, n: usize, listener: &config::Listener) -> Option<Server> {
        let tls = listener.tls.as_ref()?;
        let owner = format!("listener `{}`", listener.name);
        let place = [Step::Key("listener"), Step::Index(n), Step::Key("tls")];
        let mut identities = Vec::new();
        for (n, certificate) in tls.certificates.iter().enumerate() {
            let own = [Step::Key("certificates"), Step::Index(n)];
            let place = [&place[..], &own].concat();
            identities.push(self.identity(&owner, place, certificate));
        }
        let identities = identities.into_iter().collect::<Option<Vec<_>>>()?;
        match server::build(tls, listener.http2, &identities, self.authority, self.vault) {
            Ok(config) => Some(Server { config, identities }),
            Err(error) => {
                let place = [&place[..], &[Step::Key("clients"), Step::Key("ca")]].concat();
                self.problem(&owner, place, error);
                None
            }
        }
    }

    fn client(&mut self, n: usize, pool: &config::Pool) -> Option<Client> {
        let tls = pool.tls.as_ref()?;
        let owner = format!("pool `{}`", pool.name);
        let place = [Step::Key("pool"), Step::Index(n), Step::Key("tls")];
        let identity = match &tls.certificate {
            Some(certificate) => {
                let place = [&place[..], &[Step::Key("certificate")]].concat();
                Some(self.identity(&owner, place, certificate)?)
            }
            None => None,
        };
        match Client::build(tls, identity.as_ref(), self.authority, self.vault) {
            Ok(client) => Some(client),
            Err(error) => {
                let place = [&place[..], &[Step::Key("ca")]].concat();
                self.problem(&owner, place, error);
                None
            }
        }
    }

    /// The keys of a pool that keeps sessions; drawn, where no file is named.
    fn keyring(&mut self, n: usize, pool: &config::Pool) -> Option<(Arc<Keyring>, bool)> {
        let kind = &pool.affinity.as_ref()?.kind;
        let loaded = match kind {
            AffinityKind::Cookie(Cookie {
                keys: Some(path), ..
            }) => self.vault.keyring(path).map(|keys| (keys, false)),
            _ => self.authority.draw().map(|key| (Keyring::of(&key), true)),
        };
        match loaded {
            Ok((keys, drawn)) => Some((Arc::new(keys), drawn)),
            Err(error) => {
                let affinity = ["affinity", "keys"].map(Step::Key);
                let place = [&[Step::Key("pool"), Step::Index(n)][..], &affinity].concat();
                self.problem(&format!("pool `{}`", pool.name), place, error);
                None
            }
        }
    }

    fn identity(
        &mut self,
        owner: &str,
        place: Vec<Step>,
        certificate: &config::Certificate,
    ) -> Option<Identity> {
        let files = (certificate.cert.clone(), certificate.key.clone());
        let loaded = match self.known.get(&files) {
            Some(known) => Ok(known.clone()),
            None => Identity::load(certificate, &self.authority.provider, self.vault),
        };
        match loaded {
            Ok(identity) => {
                let unix_s = i64::try_from(self.authority.clock.unix_s()).unwrap_or(i64::MAX);
                for warning in identity.warnings(unix_s) {
                    let place = [&place[..], &[Step::Key("cert")]].concat();
                    self.problem(owner, place, warning);
                }
                self.known.insert(files, identity.clone());
                Some(identity)
            }
            Err(error) => {
                let file = Step::Key(if error.concerns(&certificate.key) {
                    "key"
                } else {
                    "cert"
                });
                self.problem(owner, [&place[..], &[file]].concat(), error);
                None
            }
        }
    }

    fn problem(&mut self, owner: &str, place: Vec<Step>, error: Error) {
        self.problems.push(Problem {
            owner: owner.to_owned(),
            place,
            error,
        });
    }
}
