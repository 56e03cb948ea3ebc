//! Which platforms run, who reaches them, and what they ask: the join of everything that an estate says.
//!
//! An open port is no weakness and a missing password on a loopback address is none either; only together they are. The
//! one decision: the answer is one [`Service`] for each start of a platform, with every way that leads to one of its ports,
//! and nothing is judged here. What is not known is said to be so: an address in a variable, variables in a file that is not
//! there, a guard that refers to something that nobody read.

use crate::{
    estate::Estate,
    files::folder,
    products::{Access, Bind, Launch, PRODUCTS, Product, Told, Weak, launches},
    resource::{Command, Resource, file_name},
    settings::{Platform, Settings},
    workload::{Admission, Audience, Isolation, Mark, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{Budget, Exhausted};

/// A platform that something starts.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// The platform.
    pub product: &'static Product,
    /// What runs it; `None` for a recipe of an image, and for a configuration file by itself.
    pub workload: Option<&'a Workload>,
    /// What it is called where it is declared; may be empty.
    pub name: &'a str,
    /// Whether it asks for a password; `None` where only its image is known and says nothing of it.
    pub access: Option<Access>,
    /// Where it listens.
    pub bind: Bind,
    /// Whether what is said of its password is so for certain.
    pub certain: bool,
    /// Whether more variables come from a place that was not read.
    pub more_environment: bool,
    /// The places that start it and open it, the most telling first.
    pub marks: Vec<Mark>,
    /// The version, where its image says one.
    pub version: Option<String>,
    /// The ways to its ports, those that nobody guards first, of these the widest.
    pub ways: Vec<Way<'a>>,
    /// Ports that a recipe means to be published.
    pub exposed: Option<Range<usize>>,
    /// What weakens it besides, with the places where it is said; there is at least one.
    pub weak: Vec<(&'static Weak, Vec<Range<usize>>)>,
    /// Whether the start is one of a script that anything may run.
    pub is_script: bool,
    /// Whether it is a configuration file by itself.
    pub is_file: bool,
}

/// A way to a service.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// What opens it; `None` where a pod has no service in front of it and is reached by its own address.
    pub opening: Option<&'a Opening>,
    /// The port inside.
    pub port: u32,
    /// Who comes that far, network policies taken into account.
    pub audience: Audience,
    /// The network policy that lets them in.
    pub admission: Option<&'a Admission>,
}

impl Way<'_> {
    /// Whether somebody on the way asks for certain who comes.
    pub fn is_guarded(&self) -> bool {
        self.opening.is_some_and(Opening::is_guarded)
    }

    /// Whether somebody on the way seems to ask, and it is not known whether he does.
    pub fn may_be_guarded(&self) -> bool {
        self.opening.is_some_and(|o| !o.guards.is_empty())
    }
}

/// The platforms of an estate.
///
/// # Errors
/// When there is more to join than the budget allows.
pub fn services<'a>(estate: &'a Estate, budget: &mut Budget) -> Result<Vec<Service<'a>>, Exhausted> {
    let mut join = Join {
        estate,
        scripts: scripts(estate),
        used: BTreeSet::new(),
        files: BTreeSet::new(),
        out: Vec::new(),
    };
    for workload in &estate.workloads {
        let before = join.out.len();
        for container in &workload.containers {
            budget.steps(join.cost(container))?;
            join.container(workload, container);
        }
        if join.out.len() == before {
            join.operated(workload);
        }
    }
    // What something of the tree runs is judged with that.
    let run = join.recipes_that_run();
    for stages in &estate.recipes {
        for stage in stages {
            budget.steps(join.cost(stage))?;
            let built = estate.files.at(stage.span.start).map(|f| f.span.start);
            if (!stage.inherited_start || stage.start.is_empty()) && !built.is_some_and(|b| run.contains(&b))
            {
                join.recipe(stage);
            }
        }
    }
    let used = std::mem::take(&mut join.used);
    let mut out = std::mem::take(&mut join.out);
    let is_used = |s: &Service<'_>| s.marks.iter().any(|(span, _)| used.contains(&join.file_of(span)));
    out.retain(|s| !s.is_script || !is_used(s));
    join.out = out;
    for settings in &estate.settings {
        budget.steps(settings.settings.len() as u64)?;
        if !join.files.contains(&settings.span.start) {
            join.alone(settings);
        }
    }
    Ok(join.out)
}

struct Join<'a> {
    estate: &'a Estate,
    /// What scripts run, by the name of the file.
    scripts: BTreeMap<&'a str, Vec<&'a Resource>>,
    /// Scripts that a container runs, by their first byte.
    used: BTreeSet<usize>,
    /// Configuration files that were taken to be those of a service, by their first byte.
    files: BTreeSet<usize>,
    out: Vec<Service<'a>>,
}

/// How many scripts of one container are followed.
const MOST_SCRIPTS: usize = 4;

fn scripts(estate: &Estate) -> BTreeMap<&str, Vec<&Resource>> {
    let mut out: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for workload in estate.workloads.iter().filter(|w| w.kind == WorkloadKind::Script) {
        if let Some(container) = workload.containers.first() {
            out.entry(&workload.name).or_default().push(container);
        }
    }
    out
}

impl<'a> Join<'a> {
    fn cost(&self, container: &Resource) -> u64 {
        let commands = container.start.len().saturating_add(1);
        (commands as u64).saturating_mul(PRODUCTS.len() as u64)
    }

    fn file_of(&self, span: &Range<usize>) -> usize {
        self.estate
            .files
            .at(span.start)
            .map_or(usize::MAX, |f| f.span.start)
    }

    /// The files of recipes of which something in the tree runs a part.
    fn recipes_that_run(&self) -> BTreeSet<usize> {
        let recipes: BTreeSet<usize> = self
            .estate
            .recipes
            .iter()
            .flatten()
            .map(|r| self.file_of(&r.span))
            .collect();
        let containers = self.estate.workloads.iter().flat_map(|w| &w.containers);
        let places = containers.flat_map(|c| {
            let starts = c.start.iter().map(Command::span);
            let images = c.image.iter().map(|i| i.span.clone());
            let ports = c.ports.iter().map(|p| p.span.clone());
            starts.chain(images).chain(ports)
        });
        places
            .map(|span| self.file_of(&span))
            .filter(|file| recipes.contains(file))
            .collect()
    }

    fn container(&mut self, workload: &'a Workload, container: &'a Resource) {
        let settings = self.settings_of(workload);
        let whole = if workload.kind == WorkloadKind::Script {
            Cow::Borrowed(container)
        } else {
            self.with_scripts(container)
        };
        for mut service in self.of(&whole, true, &settings) {
            let ports = service.ports;
            service.found.workload = Some(workload);
            service.found.name = &workload.name;
            service.found.is_script = workload.kind == WorkloadKind::Script;
            if service.found.bind != Bind::Loopback {
                service.found.ways = ways(workload, &ports);
            }
            if !service.by_launch {
                // An image is run for many purposes; what is published of it is the platform's port for certain.
                let leads = |w: &Way<'_>| {
                    w.audience > Audience::Cluster && w.opening.is_some_and(|o| o.inside.is_some())
                };
                service.found.ways.retain(leads);
            }
            self.out.push(service.found);
        }
    }

    /// A model that an operator serves: its server is the operator's, and asks what the mesh asks.
    fn operated(&mut self, workload: &'a Workload) {
        let id = match workload.kind {
            WorkloadKind::InferenceService => "kserve",
            WorkloadKind::SeldonDeployment => "seldon",
            _ => return,
        };
        let Some(product) = PRODUCTS.iter().find(|p| p.id == id) else {
            return;
        };
        let ways = workload.openings.iter().filter_map(|o| {
            let port = o.inside.as_ref().map_or(8080, |p| p.start);
            way(workload, Some(o), port)
        });
        let mut ways: Vec<Way<'_>> = ways.collect();
        sort(&mut ways);
        self.out.push(Service {
            workload: Some(workload),
            name: &workload.name,
            access: Some(Access::NoneByDefault),
            marks: vec![(
                workload.span.clone(),
                "serves a model and asks nobody itself".to_owned(),
            )],
            ways,
            ..blank(product, &Resource::default())
        });
    }

    fn recipe(&mut self, stage: &'a Resource) {
        let whole = self.with_scripts(stage);
        let place = self.file_of(&stage.span);
        let near = self.near(place);
        for mut service in self.of(&whole, false, &near) {
            service.found.name = &stage.name;
            let leads = |p: &&crate::resource::Port| {
                p.container.is_some() && service.ports.iter().any(|n| p.leads_to(*n))
            };
            service.found.exposed = stage.ports.iter().find(leads).map(|p| p.span.clone());
            self.out.push(service.found);
        }
    }

    /// A container with what the scripts run that it starts.
    fn with_scripts(&mut self, container: &'a Resource) -> Cow<'a, Resource> {
        let mut found: Vec<&'a Resource> = Vec::new();
        for command in &container.start {
            for word in command.words.iter().take(4) {
                let name = file_name(&word.text);
                // A name that several scripts have is none.
                if let Some([script]) = self.scripts.get(name).map(Vec::as_slice)
                    && found.len() < MOST_SCRIPTS
                {
                    found.push(script);
                }
            }
        }
        if found.is_empty() {
            return Cow::Borrowed(container);
        }
        let mut whole = container.clone();
        for script in found {
            self.used.insert(self.file_of(&script.span));
            whole.start.extend(script.start.iter().cloned());
            whole.environment.extend(script.environment.iter().cloned());
        }
        Cow::Owned(whole)
    }

    /// Configuration files that are certainly or probably those of a workload.
    fn settings_of(&self, workload: &'a Workload) -> Vec<&'a Settings> {
        let mut out: Vec<&Settings> = workload.settings.iter().collect();
        out.extend(self.near(self.file_of(&workload.span)));
        out
    }

    /// Configuration files that lie in the folder of a file, or below it.
    fn near(&self, file: usize) -> Vec<&'a Settings> {
        let Some(file) = self.estate.files.at(file) else {
            return Vec::new();
        };
        let root = folder(&file.path);
        let below = |s: &&Settings| {
            let rest = s.path.strip_prefix(root);
            rest.is_some_and(|r| root.is_empty() || r.starts_with('/'))
        };
        self.estate.settings.iter().filter(below).collect()
    }

    /// The platforms that a container starts or is.
    fn of(&mut self, container: &Resource, is_run: bool, settings: &[&'a Settings]) -> Vec<Found<'a>> {
        let mut out: Vec<Found<'a>> = Vec::new();
        // Of several starts of one platform the most open counts.
        let mut starts: Vec<Launch> = Vec::new();
        for launch in launches(container, is_run) {
            match starts.iter_mut().find(|l| l.product.id == launch.product.id) {
                Some(known) if openness(&launch) > openness(known) => *known = launch,
                Some(_) => {}
                None => starts.push(launch),
            }
        }
        for launch in starts {
            out.push(self.launched(container, launch, settings));
        }
        let image = container.base().filter(|_| is_run);
        let product = image.and_then(|i| PRODUCTS.iter().find(|p| p.is_image(&i.text)));
        if let (Some(product), Some(image)) = (product, image)
            && out.iter().all(|f| f.found.product.id != product.id)
        {
            out.push(self.pictured(container, product, image.span.clone(), settings));
        }
        out
    }

    fn launched(&mut self, container: &Resource, launch: Launch, settings: &[&'a Settings]) -> Found<'a> {
        let product = launch.product;
        let mut found = Service {
            access: Some(launch.access),
            bind: launch.bind,
            certain: launch.certain,
            marks: launch.marks,
            ..blank(product, container)
        };
        let own = self.own(product, settings);
        let told = Told {
            resource: Some(container),
            settings: &own,
        };
        if let Some(off) = told.any(product.off_file()) {
            found.access = Some(Access::SwitchedOff);
            found.certain = true;
            let place = off.map(|span| (span, "switches its authentication off".to_owned()));
            found.marks.splice(0..0, place);
        } else if told.any(product.on_file()).is_some() && found.access == Some(Access::NoneByDefault) {
            found.access = Some(Access::On);
        }
        if found.bind != Bind::All
            && let Some((bind, span)) = told.bind(product.bind_file())
        {
            found.bind = bind;
            found.marks.push((span, "says where it listens".to_owned()));
        }
        found.weak = weak(product, &told, &found.marks);
        Found {
            found,
            ports: launch.ports,
            by_launch: true,
        }
    }

    /// A platform of which only the image is known.
    fn pictured(
        &mut self,
        container: &Resource,
        product: &'static Product,
        image: Range<usize>,
        settings: &[&'a Settings],
    ) -> Found<'a> {
        let version = product.version_of(container);
        let default = match version {
            Some(version) => product.default_of(version),
            None => product.defaults.first(),
        };
        let own = self.own(product, settings);
        let told = Told {
            resource: Some(container),
            settings: &own,
        };
        // Where the catalogue knows its starts, an image that is started otherwise runs something else.
        let is_known = !product.has_starts();
        let access = if product.is_off(container) || told.any(product.off_file()).is_some() {
            Some(Access::SwitchedOff)
        } else if product.is_on(container) || told.any(product.on_file()).is_some() {
            Some(Access::On)
        } else {
            default.filter(|d| !d.asks).map(|_| Access::NoneByDefault)
        };
        let mut found = Service {
            access: access.filter(|_| is_known),
            marks: vec![(image, "starts it".to_owned())],
            ..blank(product, container)
        };
        found.weak = weak(product, &told, &found.marks);
        Found {
            found,
            ports: product.ports.iter().map(|p| u32::from(p.port)).collect(),
            by_launch: false,
        }
    }

    /// Those of these files that are the product's.
    fn own(&mut self, product: &Product, settings: &[&'a Settings]) -> Vec<&'a Settings> {
        let own = settings.iter().filter(|s| s.platform.is_of(product.id));
        let own: Vec<&Settings> = own.copied().collect();
        self.files.extend(own.iter().map(|s| s.span.start));
        own
    }

    /// A configuration file that nothing in the tree uses, as far as is known.
    fn alone(&mut self, settings: &'a Settings) {
        let own = [settings];
        let told = Told {
            resource: None,
            settings: &own,
        };
        for product in PRODUCTS.iter().filter(|p| settings.platform.is_of(p.id)) {
            let off = told.any(product.off_file());
            let bind = told.bind(product.bind_file());
            let all = bind.as_ref().filter(|(bind, _)| *bind == Bind::All);
            let mut found = Service {
                is_file: true,
                bind: bind.as_ref().map_or(Bind::Unknown, |(bind, _)| *bind),
                exposed: all.map(|(_, span)| span.clone()),
                access: off.is_some().then_some(Access::SwitchedOff),
                marks: off
                    .flatten()
                    .map(|span| (span, "switches its authentication off".to_owned()))
                    .into_iter()
                    .collect(),
                ..blank(product, &Resource::default())
            };
            found.weak = weak(product, &told, &found.marks);
            if found.access.is_some() || !found.weak.is_empty() {
                self.out.push(found);
            }
        }
    }
}

fn openness(launch: &Launch) -> (bool, u8, bool) {
    let bind = match launch.bind {
        Bind::All => 2,
        Bind::Unknown => 1,
        Bind::Loopback => 0,
    };
    (launch.access != Access::On, bind, launch.certain)
}

struct Found<'a> {
    found: Service<'a>,
    ports: Vec<u32>,
    by_launch: bool,
}

fn blank<'a>(product: &'static Product, container: &Resource) -> Service<'a> {
    Service {
        product,
        workload: None,
        name: "",
        access: None,
        bind: Bind::All,
        certain: true,
        more_environment: container.more_environment,
        marks: Vec::new(),
        version: product.version_of(container).map(str::to_owned),
        ways: Vec::new(),
        exposed: None,
        weak: Vec::new(),
        is_script: false,
        is_file: false,
    }
}

fn weak(
    product: &'static Product,
    told: &Told<'_>,
    marks: &[Mark],
) -> Vec<(&'static Weak, Vec<Range<usize>>)> {
    let mut out = Vec::new();
    for weak in product.weak {
        let Some(mut places) = told.every(weak.when) else {
            continue;
        };
        if told.any(weak.unless).is_some() {
            continue;
        }
        if places.is_empty() {
            places.extend(marks.first().map(|(span, _)| span.clone()));
        }
        if !places.is_empty() {
            out.push((weak, places));
        }
    }
    out
}

/// The ways to these ports.
fn ways<'a>(workload: &'a Workload, ports: &[u32]) -> Vec<Way<'a>> {
    let mut out: Vec<Way<'a>> = Vec::new();
    for port in ports {
        let openings = workload.openings.iter().filter(|o| o.leads_to(*port));
        out.extend(openings.filter_map(|o| way(workload, Some(o), *port)));
    }
    let is_pod = matches!(
        workload.kind,
        WorkloadKind::Pod
            | WorkloadKind::RayHead
            | WorkloadKind::InferenceService
            | WorkloadKind::SeldonDeployment
    );
    if out.is_empty() && is_pod {
        // A pod is reached by its own address.
        out.extend(ports.iter().filter_map(|port| way(workload, None, *port)));
    }
    sort(&mut out);
    out
}

/// Those that nobody guards first, of these the widest.
fn sort(ways: &mut [Way<'_>]) {
    ways.sort_by_key(|w| (w.is_guarded(), std::cmp::Reverse(w.audience), w.may_be_guarded()));
}

fn way<'a>(workload: &'a Workload, opening: Option<&'a Opening>, port: u32) -> Option<Way<'a>> {
    let mut audience = opening.map_or(Audience::Cluster, |o| o.audience);
    let listed = |o: &Opening| {
        let mut guards = o.guards.iter();
        guards.any(|g| g.kind == crate::workload::GuardKind::AddressList)
    };
    if opening.is_some_and(listed) {
        audience = audience.min(Audience::Network);
    }
    let mut admission = None;
    if let Isolation::Limited(rules) = &workload.isolation {
        let to = rules
            .iter()
            .filter(|a| a.ports.as_ref().is_none_or(|p| p.contains(&port)));
        let widest = to.max_by_key(|a| a.from)?;
        // What passes a proxy inside of the cluster comes from there.
        let passes = opening.is_some_and(|o| {
            matches!(
                o.kind,
                OpeningKind::Ingress
                    | OpeningKind::HttpRoute
                    | OpeningKind::VirtualService
                    | OpeningKind::Proxy
            )
        });
        if !passes {
            audience = audience.min(widest.from);
        }
        admission = Some(widest);
    }
    Some(Way {
        opening,
        port,
        audience,
        admission,
    })
}

impl Platform {
    /// Whether a file of this platform may speak to a product.
    pub(crate) fn is_of(self, product: &str) -> bool {
        let own = match self {
            Self::Jupyter => "jupyter",
            Self::JupyterHub => "jupyterhub",
            Self::TorchServe => "torchserve",
            Self::MlflowAuth => "mlflow",
            Self::Airflow => "airflow",
            Self::Streamlit => "streamlit",
            Self::Dask => "dask",
            Self::LiteLlm => "litellm",
            Self::MlServer => "mlserver",
            Self::Spark => "spark",
            Self::Qdrant => "qdrant",
            Self::Milvus => "milvus",
            Self::ClearMl => "clearml",
            Self::Grafana => "grafana",
            Self::CodeServer => "code-server",
            Self::Superset => "superset",
            Self::Elasticsearch => "elasticsearch",
            // The routes of the hub's settings are the same in the values of its chart.
            Self::HelmValues => "jupyterhub",
        };
        own == product
    }
}

#[cfg(test)]
mod tests;
