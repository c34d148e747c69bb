//! TLS on all sides of a run: the proxy's, the clients' and the origins'.

use std::path::PathBuf;
use std::sync::Arc;

use evenkeel_proxy::channel::Channel;
use evenkeel_proxy::config::{Certificate, ListenerTls, PoolTls, Version};
use evenkeel_proxy::document::{Address, Severity};
use evenkeel_proxy::tls::{self, Authority, Material};
use evenkeel_proxy::world::World as _;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificate::Issuer;
use crate::plan::{Origin, Plan, Turn};
use crate::world::{EPOCH, Stream, World};

/// What everybody needs who speaks TLS in a run.
pub(super) struct Secrets {
    /// The proxies', and again after each renewal.
    pub(super) materials: Vec<Material>,
    /// The clients', if the listener that they connect to speaks TLS.
    client: Option<Client>,
    /// By origin, of those that speak TLS.
    servers: Vec<Option<Arc<ServerConfig>>>,
    authority: Authority,
}

/// What clients need for HTTP/1.1 and for HTTP/2.
struct Client {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl Client {
    /// Connections are those of strangers, who share no session.
    fn new(authority: &Authority, issuer: &Issuer) -> Result<Self, tls::Error> {
        let believing = PoolTls {
            ca: None,
            server_name: None,
            verify: true,
            certificate: Some(certificate(PathBuf::from("client"))),
        };
        let client = tls::Client::new(&believing, authority, issuer)?;
        let strange = |http2| {
            let mut config = ClientConfig::clone(&client.config(http2));
            config.resumption = Resumption::disabled();
            Arc::new(config)
        };
        Ok(Self {
            http1: strange(false),
            http2: strange(true),
        })
    }
}

impl Secrets {
    /// Those of `plan`; none if nobody speaks TLS.
    pub(super) fn new(plan: &Plan) -> Result<Option<Self>, tls::Error> {
        let config = plan.config();
        let listeners = config.listeners.iter().any(|l| l.tls.is_some());
        if !listeners && config.pools.iter().all(|pool| pool.tls.is_none()) {
            return Ok(None);
        }
        let authority = Authority::new(ring::default_provider(), ring::Ticketer::new, EPOCH)?;
        let mut issuer = Issuer::new(config, plan.certificate_life)?;
        let mut materials = vec![material(plan, &authority, &issuer)?];
        for _ in plan.turns.iter().filter(|(_, turn)| *turn == Turn::Swap) {
            issuer.renew();
            materials.push(material(plan, &authority, &issuer)?);
        }
        let servers = servers(plan, &authority, &mut issuer)?;
        let client = match plan.front().is_some_and(|front| front.tls.is_some()) {
            true => Some(Client::new(&authority, &issuer)?),
            false => None,
        };
        Ok(Some(Self {
            materials,
            client,
            servers,
            authority,
        }))
    }

    /// Whether clients speak TLS.
    pub(super) fn are_clients(&self) -> bool {
        self.client.is_some()
    }

    /// A client's side of a connection to `host`, which then speaks HTTP/2 or HTTP/1.1. `None` if
    /// the other side does not, or does not prove who it is.
    pub(super) async fn connect(
        &self,
        world: &World,
        stream: Stream,
        host: &str,
        http2: bool,
    ) -> Option<Channel<Stream>> {
        let Some(client) = &self.client else {
            return Some(Channel::Plain(stream));
        };
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).ok()?;
        self.authority.set_time(world.unix_now());
        let config = if http2 { &client.http2 } else { &client.http1 };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.ok()?;
        let channel = Channel::Tls(Box::new(stream.into()));
        (channel.is_http2() == http2).then_some(channel)
    }

    /// An origin's side of a connection. `None` if it does not come about.
    pub(super) async fn accept(
        &self,
        world: &World,
        stream: Stream,
        origin: usize,
    ) -> Option<Channel<Stream>> {
        let Some(server) = &self.servers[origin] else {
            return Some(Channel::Plain(stream));
        };
        self.authority.set_time(world.unix_now());
        let acceptor = TlsAcceptor::from(Arc::clone(server));
        let stream = acceptor.accept(stream).await.ok()?;
        Some(Channel::Tls(Box::new(stream.into())))
    }
}

/// What the proxies need, with the certificates of now.
fn material(plan: &Plan, authority: &Authority, issuer: &Issuer) -> Result<Material, tls::Error> {
    let (material, problems) = Material::load_from(plan.config(), authority, issuer);
    material.ok_or_else(|| {
        let mut errors = problems.into_iter().map(|problem| problem.error);
        let error = errors.find(|error| error.severity() == Severity::Error);
        error.unwrap_or(tls::Error::Refused("TLS".into()))
    })
}

/// What each origin needs, if it speaks TLS.
fn servers(
    plan: &Plan,
    authority: &Authority,
    issuer: &mut Issuer,
) -> Result<Vec<Option<Arc<ServerConfig>>>, tls::Error> {
    let origins = plan.origins.iter().enumerate();
    let server = |(n, origin): (usize, &Origin)| {
        let names = names(plan, n, &origin.address);
        if names.is_empty() {
            return Ok(None);
        }
        let file = PathBuf::from(format!("origin/{n}"));
        issuer.name(file.clone(), names);
        let tls = ListenerTls {
            certificates: vec![certificate(file)],
            protocols: vec![Version::Tls13, Version::Tls12],
            clients: None,
        };
        tls::server(&tls, true, authority, issuer).map(Some)
    };
    origins.map(server).collect()
}

/// What origin number `n` must prove to be, for each pool that speaks TLS to it.
fn names(plan: &Plan, n: usize, address: &Address) -> Vec<String> {
    let address = plan.origins[n]
        .like
        .map_or(address, |n| &plan.origins[n].address);
    let own = || match address {
        Address::Ip(address) => address.ip().to_string(),
        Address::Name(name, _) => name.clone(),
        Address::Unix(_) => "localhost".to_owned(),
    };
    let n = plan.origins[n].like.unwrap_or(n);
    let pools = plan.config().pools.iter().zip(&plan.behind);
    let tls = pools
        .filter(|(_, behind)| behind.contains(&n))
        .filter_map(|(pool, _)| pool.tls.as_ref());
    tls.map(|tls| tls.server_name.clone().unwrap_or_else(own))
        .collect()
}

/// Of whoever has no files.
fn certificate(file: PathBuf) -> Certificate {
    Certificate {
        cert: file.clone(),
        key: file,
    }
}
