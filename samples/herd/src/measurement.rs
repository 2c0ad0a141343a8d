// SPDX-License-Identifier: GPL-2.0

//! What to measure, and the measurement.

use crate::{
    load::Load,
    policy::Policy,
    record::{Record, Run},
    run::{run, Plan},
    verdict::Verdict,
};
use anyhow::{ensure, Result};
use backend::Kind;
use clap::Args;
use measurements::{chosen, print, Machine, Report};
use std::{process::ExitCode, time::Duration};

/// What to measure, and what to do with the result.
#[derive(Args)]
pub struct Measurement {
    /// How clients connect [default: all, one after the other]
    #[arg(long, value_enum, value_delimiter = ',')]
    load: Vec<Load>,

    /// How workers share the socket [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    policy: Vec<Policy>,

    /// What the workers wait with [default: both]
    #[arg(long, value_enum, value_delimiter = ',')]
    backend: Vec<Kind>,

    /// Number of workers
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(2..=256))]
    workers: u16,

    /// Number of clients under heavy load
    #[arg(long, value_name = "N", default_value_t = 32,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,

    /// Connections in each run
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    connections: u64,

    /// Runs of each kind
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: u16,

    /// Time limit for a run, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    limit: u64,

    /// Only check that workers that take turns get equal shares: fail if one
    /// gets more than 1.2 times its fair share under light load
    #[arg(long, conflicts_with_all = ["load", "policy", "backend"])]
    check: bool,

    /// Print the measurements as one JSON object
    #[arg(long)]
    json: bool,
}

impl Measurement {
    /// Measures.
    pub fn carry_out(mut self) -> Result<ExitCode> {
        if self.check {
            self.load = vec![Load::Light];
            self.policy = vec![Policy::Exclusive, Policy::RoundRobin];
        }
        let record = self.measure()?;
        let verdict = match self.check {
            true => Some(Verdict::new(&record)?),
            false => None,
        };
        match &verdict {
            Some(verdict) if !self.json => print(&verdict.ktap())?,
            _ => record.show(self.json)?,
        }
        Ok(match verdict {
            Some(verdict) if !verdict.is_fair() => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }

    fn measure(&self) -> Result<Record> {
        let plans = self.plans();
        ensure!(!plans.is_empty(), "epoll has none of these policies");
        let total = plans.len() * usize::from(self.repetitions);
        let mut runs = Vec::with_capacity(total);
        for _ in 0..self.repetitions {
            for plan in &plans {
                runs.push(Run::new(plan, run(plan)?));
            }
        }
        Ok(Record {
            machine: Machine::current()?,
            workers: self.workers.into(),
            clients: self.clients.into(),
            connections: self.connections,
            runs,
        })
    }

    /// The runs of one repetition, in order.
    fn plans(&self) -> Vec<Plan> {
        let mut plans = Vec::new();
        for load in chosen(&self.load) {
            for policy in chosen(&self.policy) {
                for backend in chosen(&self.backend) {
                    plans.push(Plan {
                        load,
                        policy,
                        backend,
                        workers: self.workers.into(),
                        clients: self.clients.into(),
                        connections: self.connections,
                        limit: Duration::from_secs(self.limit),
                    });
                }
            }
        }
        plans.retain(|plan| plan.policy.is_of(plan.backend));
        plans
    }
}
